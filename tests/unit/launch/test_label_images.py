"""Scores of label images without a run."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from launch.commands.evaluate import main
from sharding.errors import DatasetError
from trainer.config.errors import ConfigError

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
COLORS = ("--classes", "wall=#0000ff,window=#ff0000")


def save(path: Path, rows: list, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(rows, dtype=np.uint8)).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scores(*arguments: str) -> dict[str, float]:
    assert main(["made", "--labels", "true", "--out", "out", *arguments]) == 0
    return json.loads(Path("out/scores.json").read_text())


def test_colours_that_are_nearly_a_class_count_where_they_were_made_and_no_class_is_left_out(folder: Path):
    save(Path("true/a/1.png"), [[RED, RED, BLUE, WHITE]])
    save(Path("made/a/1.png"), [[RED, (20, 10, 200), (10, 0, 250), RED]])
    save(Path("made/of_no_label.png"), [[RED]])
    found = scores(*COLORS)
    assert found["pixel_accuracy"] == pytest.approx(2 / 3)
    assert found["iou/wall"] == pytest.approx(1 / 2)
    assert Path("out/confusion-classes.png").is_file()


def test_numbers_need_no_colours(folder: Path):
    save(Path("true/1.png"), [[0, 1], [2, 255]])
    save(Path("made/1.png"), [[0, 1], [1, 0]])
    found = scores("--classes", "sky,road,tree")
    assert found["pixel_accuracy"] == pytest.approx(2 / 3)
    assert found["class_accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("made", "options", "error", "message"),
    [
        ([[0, 1]], (), ConfigError, "classes = None: name those in the images"),
        ([[0, 1, 1]], ("--classes", "a,b"), ConfigError, "has 1 x 3 pixels, and its label 1 x 2"),
        ([[0, 255]], ("--classes", "a,b"), ConfigError, "has pixels of no class"),
        ([[0, 7]], ("--classes", "a,b"), DatasetError, "holds class number 7; there are 2 classes"),
        ([[RED, RED]], ("--classes", "a,b"), DatasetError, "stores colours; write --classes"),
        ([[0, 1]], ("--classes", "a,a"), ConfigError, "a name or a colour stands there twice"),
        ([[0, 1]], ("--classes", "a,b", "--split", "val"), ConfigError, "is of images without a run"),
    ],
)
def test_what_does_not_belong_together_is_told(folder: Path, made, options, error, message):
    save(Path("true/1.png"), [[0, 1]])
    save(Path("made/1.png"), made)
    with pytest.raises(error, match=message):
        main(["made", "--labels", "true", *options])


def test_missing_images_and_folders_are_told(folder: Path):
    save(Path("true/1.png"), [[0, 1]])
    save(Path("made/2.png"), [[0, 1]])
    with pytest.raises(ConfigError, match="has no image for 1 label, as 1"):
        main(["made", "--labels", "true", "--classes", "a,b"])
    with pytest.raises(ConfigError, match="labels = 'nowhere': holds no images"):
        main(["made", "--labels", "nowhere", "--classes", "a,b"])
    with pytest.raises(ConfigError, match="labels = None: name the folder of true label images"):
        main(["made", "--classes", "a,b"])

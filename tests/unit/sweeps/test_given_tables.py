"""`diptych table` on data of one's own: labels -> photo judged by a segmentation network, photo -> labels."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import sweeps.tables.run
from sweeps.tables.papers import TABLES
from sweeps.tables.run import table_command
from tests.unit.evaluation.judges.scenes import write_scenes
from trainer.config.errors import ConfigError
from trainer.evaluation.judges.fcn_data import open_scenes
from trainer.evaluation.judges.fcn_training import FcnTraining, train_fcn
from trainer.ranks.world import lone_world
from trainer.runs.rundir import RunDir

LOSSES = "cityscapes-losses"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path / "scenes")
    return Path("scenes")


@pytest.fixture
def fcn(data: Path) -> Path:
    options = FcnTraining(network="small", total_kimg=0.008, batch_size=4, lr=3e-3, seed=0, weights=None)
    scenes = open_scenes(data, photo=None, labels="numbers", size=None)
    train_fcn(scenes, options, out=Path("f.fcn"), world=lone_world(torch.device("cpu")), tell=lambda done, total: None)
    return Path("f.fcn")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Of processes that would be started."""
    found: list[list[str]] = []
    monkeypatch.setattr(sweeps.tables.run, "run_to_end", lambda command: found.append(command) or 1)
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([LOSSES], "data.path = None: cityscapes-losses is trained on data of your own"),
        ([LOSSES, "--data.path", "scenes"], "fcn = None: cityscapes-losses scores photos by one"),
        ([LOSSES, "--data.path", "scenes", "--fcn", "none.fcn"], "none.fcn.*no such file"),
        ([LOSSES, "--data.path", "scenes", "--fcn", "scenes/dataset.json"], "holds no segmentation network"),
        ([LOSSES, "--data.path", "scenes", "--view-photo", "phot"], "view_photo = 'phot': scenes has the views photo"),
        (["facades-labels", "--data.path", "scenes", "--fcn", "f"], "fcn = 'f': is nothing that the table"),
        (["pix2pix-losses", "--data.path", "scenes"], "data.path = 'scenes': is nothing that the table"),
        ([LOSSES, "--data.path", "scenes", "--fcn", "none.fcn", "--size", "40"], "crop_size = 40: must be a multiple"),
    ],
)
def test_a_mistake_is_answered_before_any_training(
    data: Path, commands: list[list[str]], arguments: list[str], message: str
):
    with pytest.raises(ConfigError, match=message):
        table_command(arguments)
    assert commands == []
    assert not Path("runs").exists()


def test_views_without_labels_are_answered(tmp_path: Path, commands: list[list[str]]):
    write_scenes(tmp_path / "photos", names=("photo",))
    with pytest.raises(ConfigError, match=r"view_labels = None: .* has the views photo, of which 0 fit"):
        table_command(["facades-labels", "--data.path", str(tmp_path / "photos")])
    assert commands == []


def test_all_rows_get_the_same_data_and_size(data: Path, fcn: Path, commands: list[list[str]]):
    assert table_command([LOSSES, "--data.path", "scenes", "--fcn", "f.fcn", "--size", "64"]) == 1
    assert len(commands) == len(TABLES[LOSSES].rows)
    for command in commands:
        given = command[command.index("--data.path") : command.index("--num-procs")]
        assert given == [
            *("--data.path", "scenes", "--data.view-a", "colors", "--data.view-b", "photo"),
            *("--evaluate.period-kimg", "0"),
            *("--data.load-size", "64", "--data.crop-size", "64"),
        ]


def test_the_rows_without_a_pixel_loss_have_none(data: Path, commands: list[list[str]]):
    assert table_command(["facades-labels", "--data.path", "scenes"]) == 1
    assert [command[-4:-2] for command in commands][2] == ["--method.weight-pixel", "0"]
    assert commands[0][commands[0].index("--data.view-a") + 1] == "photo"


@pytest.mark.slow
def test_a_row_is_trained_judged_and_shown_below_its_ceiling(
    data: Path, fcn: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    table = TABLES[LOSSES]
    monkeypatch.setitem(TABLES, LOSSES, replace(table, rows=table.rows[:1]))
    arguments = [LOSSES, "--data.path", "scenes", "--fcn", "f.fcn", "--size", "64", "--kimg", "0.004"]
    assert table_command(arguments) == 0
    lines = Path("runs", LOSSES, "table.md").read_text().splitlines()
    row, truth, _, note = lines[-4:]
    assert note.startswith("FCN scores: images of 64 x 64 pixels")
    assert row.startswith("| L1 | 0.44 | 0.14 | 0.10 | 0.")
    assert row.endswith(" s |")
    assert truth.startswith("| Ground truth | 0.80 | 0.26 | 0.21 | 0.")
    scores = RunDir(Path("runs", LOSSES, table.rows[0].preset)).evaluations()["test"]["scores"]
    assert f"| {scores['baseline/real/fcn_pixel_accuracy']:.2f} |" in truth
    monkeypatch.setattr(sweeps.tables.run, "run_to_end", lambda command: pytest.fail("nothing is left to do"))
    assert table_command(arguments) == 0

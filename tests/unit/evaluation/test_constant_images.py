"""The mean image and the commonest classes are made once for a data set, of a bounded number of training images."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sharding.errors import DatasetError
from sharding.format.shares import Share
from sharding.storage.cache import Cache
from sharding.storage.made import made_file
from tests.tiny_run import NUM_SAMPLES, sample_views, subject_of, tiny_config
from trainer.data.subject import Subject
from trainer.evaluation import constant_images as module
from trainer.evaluation.constant_images import constant_images
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.ranks.world import lone_world

WORLD = lone_world(torch.device("cpu"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def subject(cache: Path, map_dataset: Path, tmp_path: Path) -> Subject:
    """Of a copy of the data set, whose shards may be removed."""
    shutil.copytree(map_dataset, tmp_path / "maps")
    return subject_of(tiny_config(tmp_path / "maps"))


def images_of(subject: Subject, *, has_classes: bool = True) -> tuple[Tensor, Tensor]:
    return constant_images(subject, classes=subject.manifest.classes if has_classes else [], world=WORLD)


def mean_of(numbers: list[int]) -> Tensor:
    """(1, 3, H, W) in [-1, 1]: of training maps."""
    mean = np.mean([sample_views("train", number)["map"] for number in numbers], axis=0)
    return torch.from_numpy(mean / 127.5 - 1).permute(2, 0, 1)[None].float()


def remove_training_images(subject: Subject) -> None:
    assert isinstance(subject.data.path, Path)
    shutil.rmtree(subject.data.path / "train")


def kept(cache: Path) -> list[Path]:
    return sorted(path for path in cache.iterdir() if len(path.name) == 64)


class Negative:
    """A method without networks."""

    translates_by_chance = False

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        return -image


def test_a_second_evaluation_reads_no_training_image(subject: Subject):
    translator = Translator(Negative(), Networks({}, {}), torch.contiguous_format)  # pyright: ignore
    first, second = (SplitEvaluator(subject, seed=0, split="test", world=WORLD) for _ in range(2))
    scores = first(translator)
    remove_training_images(subject)
    assert second(translator) == scores
    assert "baseline/mean/miou" in scores
    smaller = replace(subject, data=replace(subject.data, crop_size=16))
    with pytest.raises(DatasetError, match="train"):  # which it would have to read
        SplitEvaluator(smaller, seed=0, split="test", world=WORLD)(translator)


def test_what_is_kept_is_what_was_made(subject: Subject):
    made = images_of(subject)
    torch.testing.assert_close(made[0], mean_of([*range(NUM_SAMPLES["train"])]), atol=1e-6, rtol=0)
    remove_training_images(subject)
    assert all(map(torch.equal, images_of(subject), made))


def test_only_so_many_images_are_read(subject: Subject, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_IMAGES", 2)
    chosen = Share(0, 2).of(f"train-{number}" for number in range(NUM_SAMPLES["train"]))
    numbers = sorted(int(name.removeprefix("train-")) for name in chosen)
    torch.testing.assert_close(images_of(subject)[0], mean_of(numbers), atol=1e-6, rtol=0)


def test_what_is_held_out_has_no_part_in_it(subject: Subject):
    held_out = Share(0, 2).of(f"train-{number}" for number in range(NUM_SAMPLES["train"]))
    rest = [number for number in range(NUM_SAMPLES["train"]) if f"train-{number}" not in held_out]
    images_of(subject)
    found = images_of(replace(subject, held_out={"photo": 2, "map": 2}))[0]
    torch.testing.assert_close(found, mean_of(rest), atol=1e-6, rtol=0)


def test_each_way_to_see_the_targets_has_an_entry_of_its_own(subject: Subject, cache: Path):
    images_of(subject)
    images_of(subject, has_classes=False)
    for changes in ({"view_b": "height"}, {"crop_size": 16}, {"load_size": 64}, {"resize": "cover"}):
        images_of(replace(subject, data=replace(subject.data, **changes)), has_classes=False)
    # The stored size lies between crop and load size: a larger load size changes nothing of what evaluation sees.
    assert len(kept(cache)) == 5
    images_of(replace(subject, data=replace(subject.data, view_a="height", flip=False, num_threads=1)))
    assert len(kept(cache)) == 5


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 32, 16), np.float32),
        np.zeros((4, 32, 32), np.float64),
        np.full((4, 32, 32), np.nan, np.float32),
        np.full((4, 32, 32), 3, np.float32),  # of three classes
        np.full((4, 32, 32), 0.5, np.float32),
        None,
    ],
    ids=["shape", "type", "nan", "class", "half a class", "no array"],
)
def test_an_entry_that_cannot_be_is_made_anew(subject: Subject, cache: Path, array: np.ndarray | None):
    """As its seal fits, no damage of a disk, but another program's doing."""
    made = images_of(subject)
    content = io.BytesIO(b"" if array is not None else b"x")
    if array is not None:
        np.save(content, array)
    made_of = module._made_of(subject, has_classes=True, world=WORLD)
    for file in kept(cache):
        file.unlink()
    with made_file(Cache(cache, 10**6), made_of=made_of, most=10**6) as file:
        file.write(content.getvalue())
    assert all(map(torch.equal, images_of(subject), made))
    remove_training_images(subject)
    assert all(map(torch.equal, images_of(subject), made))


def test_without_a_cache_they_are_made_each_time_and_this_is_said(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made = images_of(subject)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for name, gigabytes in (("own", "50"), ("file", "50"), ("cache", "many")):
        monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / name))
        monkeypatch.setenv("DIPTYCH_CACHE_GB", gigabytes)
        assert all(map(torch.equal, images_of(subject), made))
        assert "the baselines are not kept" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["thesis.tex"]

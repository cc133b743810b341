"""A run opened once: what it holds out is written down as it begins, and stays."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sharding.errors import DatasetError
from sharding.format.manifest import View
from sharding.format.manifest_file import read_manifest, write_manifest
from tests.tiny_run import SIDE, tiny_config
from tests.unit.data.tiny_shards import encode, noise, write_dataset
from trainer.config.errors import ConfigError
from trainer.data.subject import HELD_OUT
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """Of a data set with 80 training and 2 test images, and no others."""
    views = {name: View(extension=f"{name}.png", width=SIDE, height=SIDE) for name in ("photo", "map")}
    image = encode(noise(side=SIDE), "png")
    splits = {
        split: [[(f"{split}-{number}", dict.fromkeys(views, image)) for number in range(size)]]
        for split, size in {"train": 80, "test": 2}.items()
    }
    write_dataset(tmp_path / "set", views=views, splits=splits)
    run = RunDir(tmp_path / "run")
    run.create(tiny_config(tmp_path / "set"), preset="none", command=[])
    return run


def rewrite(run: RunDir, **changes: Any) -> None:
    record = json.loads(run.run_file.read_text())
    for name, value in changes.items():
        record[name] = value
        if value is None:
            del record[name]
    run.run_file.write_text(json.dumps(record))


def test_what_is_held_out_is_in_the_record(run: RunDir):
    assert run.record()["held_out"] == {"photo": 4, "map": 4}
    opened = open_run(run)
    assert (opened.config, opened.manifest) == (run.config(), read_manifest(opened.config.data.path))
    assert opened.subject.watched_split == HELD_OUT
    assert opened.subject.num_images("train") == 76


def test_a_run_from_before_goes_on_with_all_it_began_with(run: RunDir):
    rewrite(run, held_out=None, format=1)
    subject = open_run(run).subject
    assert (subject.watched_split, subject.num_images("train")) == ("train", 80)
    assert run.held_out() == {}


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        ({"photo": 80, "map": 80}, r"held_out = \{'photo': 80, 'map': 80\}: does not fit"),
        ({"photo": 4}, "does not fit"),
        ({"photo": -1, "map": -1}, r"run\.json': has held_out"),
        ({"photo": "4", "map": "4"}, r"run\.json': has held_out"),
        ("all", r"run\.json': has held_out"),
        (dict.fromkeys("abc", 4), r"run\.json': has held_out"),
    ],
)
def test_a_record_of_anything_else_is_refused(run: RunDir, held_out: Any, message: str):
    rewrite(run, held_out=held_out)
    with pytest.raises(ConfigError, match=message):
        open_run(run)


def test_a_data_set_that_was_made_anew_is_good_for_use_only(run: RunDir):
    place = run.config().data.path
    assert isinstance(place, Path)
    write_manifest(place, replace(read_manifest(place), name="another"))
    with pytest.raises(ConfigError, match="is not the data set that this run began with"):
        open_run(run)
    opened = open_run(run, needs_data=False)
    assert opened.manifest.name == "another"
    assert not opened.subject.held_out  # which images those were is not known any more


def test_a_run_can_be_used_without_its_data_set(run: RunDir, tmp_path: Path):
    described = open_run(run).manifest
    (tmp_path / "set").rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match=r"holds no dataset\.json.* if it lies elsewhere now, give --data\.path"):
        open_run(run)
    opened = open_run(run, needs_data=False)
    assert (opened.manifest.views, opened.manifest.classes) == (described.views, described.classes)
    moved = open_run(run, data_path=tmp_path / "elsewhere")
    assert moved.config.data.path == tmp_path / "elsewhere"
    assert moved.subject.held_out == {"photo": 4, "map": 4}


def test_what_a_run_says_of_its_data_is_checked_like_a_manifest(run: RunDir, tmp_path: Path):
    (tmp_path / "set").rename(tmp_path / "elsewhere")
    described = run.record()["dataset"]
    described["views"]["photo"]["channels"] = 10**9
    rewrite(run, dataset=described)
    with pytest.raises(DatasetError, match=r"run\.json is not a valid manifest: view 'photo' has channels"):
        open_run(run, needs_data=False)


def test_a_relative_path_leads_on_from_where_the_run_was_started(tmp_path: Path, run: RunDir, monkeypatch):
    monkeypatch.chdir(tmp_path)
    started = RunDir(tmp_path / "relative")
    started.create(tiny_config(Path("set")), preset="none", command=[])
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert open_run(started).config.data.path == tmp_path / "set"


def test_a_data_set_that_has_grown_is_named_as_such(run: RunDir, tmp_path: Path):
    record = run.record()
    before = {**record["num_samples"], "train": {"photo": 60, "map": 60}}
    rewrite(run, num_samples=before, dataset_sha256="0" * 64)
    with pytest.raises(ConfigError, match="train had 60 images of view 'photo' and has 80"):
        open_run(run)

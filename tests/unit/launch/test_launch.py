"""The command line, as a user meets it, and what decides how many ranks start."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from launch.embedded import embedded_command, ensure_dataset
from launch.machine.devices import count_gpus
from launch.ranks.local import choose_num_procs
from launch.run_options import TrainOptions, parse_train
from launch.starting import check_dataset, tell_watched
from launch.whole_job import expected_run, unfinished_run
from sharding.format.manifest_file import read_manifest, write_manifest
from sharding.storage.files import write_atomically
from tests.loaded import answer_of
from trainer.checkpoints.source import find_origin
from trainer.config.engine import EngineConfig
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset
from trainer.runs.rundir import RunDir

CONFIG = load_preset(DEFAULT)


def diptych(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "launch.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "COLUMNS": "200"},
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--train.total-kmg", "3"], ["--train.total-kmg", "--train.total-kimg"]),
        (["train", "--data.crop-size", "100"], ["data.crop_size = 100", "multiple of 128"]),
        (["train", "--engine.zero-stage", "7"], ["zero-stage", "7"]),
        (["train", "no-such-preset"], ["preset = 'no-such-preset'", DEFAULT]),
        (["train", "--data.path", "nowhere"], ["nowhere", "dataset.json", "diptych shard"]),
        (["train", "--resume", "nowhere"], ["nowhere", "run.json"]),
        (["train", "--engine.precision", "fp16", "--engine.device", "cpu"], ["engine.precision", "bf16 or fp32"]),
        (["evaluate", "nowhere"], ["nowhere", "run.json"]),
        (["trian"], ["trian", "train"]),
    ],
)
def test_a_mistake_is_answered_at_once(arguments: list[str], words: list[str], tmp_path: Path):
    done, heavy = answer_of(*arguments, cwd=tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2)
    assert "Traceback" not in said
    for word in words:
        assert word in said, said
    # A mistake in the words themselves is told before GPUs are counted, and before it is asked where to train.
    assert heavy <= ({"pynvml", "launch.ways.table"} if {"nowhere", "fp16"} & {*arguments} else set())
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_help_explains_every_field():
    said = diptych("train", "--help").stdout
    for field in _fields(json.loads(json.dumps(_config_dict()))):
        assert f"--{field.replace('_', '-')}" in said, field


def _config_dict() -> dict:
    from trainer.runs.config import config_to_dict

    return config_to_dict(CONFIG)


def _fields(values: dict, prefix: str = "") -> list[str]:
    fields = []
    for name, value in values.items():
        fields += _fields(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return fields


def test_flags_change_the_preset():
    preset, options = parse_train(["earth-satellite2map", "--method.weight-l1", "7"], prog="diptych train")
    assert preset == "earth-satellite2map"
    assert options.config.method.weight_l1 == 7
    assert options.config.data.view_b == "map"


@pytest.mark.parametrize(
    ("asked", "gpus", "cores", "device", "expected"),
    [
        (0, 0, 8, "auto", 1),
        (2, 0, 8, "auto", 2),
        (0, 4, 8, "auto", 4),
        (2, 4, 8, "auto", 2),
        (0, 4, 8, "cpu", 1),
    ],
)
def test_number_of_ranks(asked: int, gpus: int, cores: int, device, expected: int):
    config = replace(CONFIG, engine=EngineConfig(device=device))
    assert choose_num_procs(config, asked=asked, num_gpus=gpus, num_cores=cores) == expected


@pytest.mark.parametrize(("asked", "gpus", "word"), [(3, 0, "2 CPU cores"), (5, 4, "4 GPUs"), (-1, 0, "1 to 2")])
def test_too_many_ranks_are_refused(asked: int, gpus: int, word: str):
    with pytest.raises(ConfigError, match=word):
        choose_num_procs(CONFIG, asked=asked, num_gpus=gpus, num_cores=2)


def test_no_gpu_is_visible_when_none_may_be(monkeypatch: pytest.MonkeyPatch):
    for value in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert count_gpus() == 0


def test_only_embedded_data_sets_are_made(tmp_path: Path):
    assert embedded_command(Path("data/earth-128")) == [
        "earth",
        "--out",
        "data/earth-128",
        "--size",
        "128",
        "--shard-samples",
        "64",
    ]
    assert embedded_command(Path("glyphs-64")) == [
        "glyphs",
        "--out",
        "glyphs-64",
        "--size",
        "64",
        "--shard-samples",
        "64",
    ]
    styles = ["glyphs", "--layout", "styles", "--out", "glyph-styles-32", "--size", "32", "--shard-samples", "64"]
    assert embedded_command(Path("glyph-styles-32")) == styles
    assert embedded_command(Path("data/photos")) is None
    assert embedded_command(Path("data/maps-256")) is None
    with pytest.raises(ConfigError, match="diptych shard"):
        ensure_dataset(tmp_path / "photos")


def test_a_view_that_is_not_there_is_named_with_those_that_are(tiny_dataset: Path):
    config = replace(CONFIG, data=replace(CONFIG.data, path=tiny_dataset, view_a="a", view_b="c"))
    with pytest.raises(ConfigError, match=r"data\.view_b = 'c'.*it has: a, b"):
        check_dataset(config)


def test_a_run_is_not_overwritten(tiny_dataset: Path, tmp_path: Path):
    config = replace(CONFIG, data=replace(CONFIG.data, path=tiny_dataset, view_a="a", view_b="b"))
    run = RunDir(tmp_path / "run")
    run.create(config, preset=DEFAULT, command=["diptych"])
    assert run.config() == config
    with pytest.raises(ConfigError, match="--resume"):
        run.create(config, preset=DEFAULT, command=["diptych"])


def test_a_run_that_was_stopped_and_scored_is_continued(tiny_dataset: Path, tmp_path: Path):
    config = replace(CONFIG, data=replace(CONFIG.data, path=tiny_dataset, view_a="a", view_b="b"))
    options, run = TrainOptions(config=config, runs=tmp_path), RunDir(tmp_path / DEFAULT)
    assert unfinished_run(options, DEFAULT) is None
    run.create(config, preset=DEFAULT, command=["diptych"])
    assert unfinished_run(options, DEFAULT) == run
    total, split = config.train.total_images, "test"
    for position, expected in ((total // 2, run), (total, None)):
        write_atomically(
            run.evaluation_file, json.dumps({split: {"position": position, "num_images": 1, "scores": {}}}).encode()
        )
        assert unfinished_run(options, DEFAULT) == expected
    other = replace(options, config=replace(config, optimizer=replace(config.optimizer, lr=1)))
    assert expected_run(options, DEFAULT).path != run.path
    scores = {"position": total, "num_images": 1, "scores": {}}
    write_atomically(run.evaluation_file, json.dumps({f"{split}, dropout off": scores}).encode())
    assert expected_run(options, DEFAULT).path == run.path  # that was not what ends a run
    assert unfinished_run(other, DEFAULT) is None


def test_a_run_with_other_first_weights_is_not_continued(tiny_dataset: Path, tiny_run: RunDir, tmp_path: Path):
    config = replace(CONFIG, data=replace(CONFIG.data, path=tiny_dataset, view_a="a", view_b="b"))
    options, run = TrainOptions(config=config, runs=tmp_path, source=tiny_run.path), RunDir(tmp_path / DEFAULT)
    run.create(config, preset=DEFAULT, command=["diptych"], origin=find_origin(tiny_run.path).to_record())
    assert unfinished_run(options, DEFAULT) == run
    assert unfinished_run(replace(options, source=None), DEFAULT) is None
    assert unfinished_run(replace(options, source=tmp_path), DEFAULT) is None


def test_which_images_are_watched_is_said_where_there_is_no_validation_split(
    tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    config = replace(CONFIG, data=replace(CONFIG.data, path=tiny_dataset, view_a="a", view_b="b"))
    tell_watched(check_dataset(config))
    assert capsys.readouterr().out == ""
    shutil.copytree(tiny_dataset, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    splits = {name: shards for name, shards in manifest.splits.items() if name != "val"}
    write_manifest(tmp_path / "set", replace(manifest, splits=splits))
    tell_watched(check_dataset(replace(config, data=replace(config.data, path=tmp_path / "set"))))
    assert "too few images to hold any out: those that are watched are trained on" in capsys.readouterr().out

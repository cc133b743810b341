"""A run goes on with other settings: which may change, and that it is written down since when."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

import launch.ways.here
import trainer.loop.session
from launch.cli import main
from tests.shrink import shrink
from trainer import main as rank
from trainer.config.errors import ConfigError
from trainer.config.optimizer import PlayerOptimizerConfig
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.runs.changes import check_length, find_changes
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir


@pytest.fixture
def config(tiny_dataset: Path) -> RunConfig:
    """Of 8 images, in batches of 4, with a learning rate that falls to zero."""
    small = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    return replace(small, train=replace(small.train, total_kimg=0.008))


@pytest.fixture(autouse=True)
def one_process() -> Iterator[None]:
    """Ranks run here, one run after the other: DeepSpeed cannot leave its process group and join another."""
    with (
        patch.object(trainer.loop.session, "close_world"),
        patch.object(launch.ways.here, "start_ranks", lambda folder, **_: rank.main(folder)),
    ):
        yield


def test_a_finished_run_is_trained_longer_with_another_rate_and_batch(
    config: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(tmp_path / "run")
    run.create(config, preset=DEFAULT, command=[])
    assert main(["train", "--resume", str(run.path)]) == 0
    capsys.readouterr()
    flags = ["--train.total-kimg", "0.016", "--train.batch-size-per-gpu", "2", "--optimizer.lr", "1e-3"]
    assert main(["train", "--resume", str(run.path), *flags]) == 0
    said = capsys.readouterr().out
    assert "from 8 images on: train.total_kimg = 0.016" in said
    assert "learning rate: 0.001 at 8 of 16 images, linear schedule" in said
    lines = [line for line in read_metrics(run.metrics_file) if "lr" in line]
    assert [line["position"] for line in lines] == [4, 8, 12, 16]
    assert lines[2]["lr"] == pytest.approx(1e-3 * 0.5)
    assert run.config() == replace(
        config,
        train=replace(config.train, total_kimg=0.016, batch_size_per_gpu=2),
        optimizer=replace(config.optimizer, lr=1e-3),
    )
    (change,) = run.record()["changes"]
    assert (change["position"], change["values"]["optimizer.lr"]) == (8, 1e-3)
    assert run.evaluations()["test"]["position"] == 16


def test_what_decides_what_a_run_is_cannot_change(
    config: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(tmp_path / "run")
    run.create(config, preset=DEFAULT, command=[])
    before = run.run_file.read_bytes()
    assert main(["train", "--resume", str(run.path), "--method.generator.num-filters", "16"]) == 2
    assert "method.generator.num_filters = 16: is 8 for the whole of a run" in capsys.readouterr().err
    assert run.run_file.read_bytes() == before


def test_a_moved_data_set_is_found_again_and_another_is_refused(
    config: RunConfig, tmp_path: Path, tiny_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(tmp_path / "run")
    run.create(config, preset=DEFAULT, command=[])
    record = json.loads(run.run_file.read_text())
    record["config"]["data"]["path"] = str(tmp_path / "gone")
    run.run_file.write_text(json.dumps(record))
    assert main(["train", "--resume", str(run.path)]) == 2
    assert "give --data.path" in capsys.readouterr().err
    assert main(["train", "--resume", str(run.path), "--data.path", str(tiny_dataset)]) == 0
    assert main(["evaluate", str(run.path), "--device", "cpu"]) == 0


def test_settings_that_stay_are_no_changes(config: RunConfig) -> None:
    assert find_changes(config, config) == {}
    assert find_changes(config, replace(config, log=replace(config.log, period_kimg=1.0))) == {"log.period_kimg": 1.0}
    own = replace(config, optimizer=replace(config.optimizer, players={"generator": PlayerOptimizerConfig(lr=1e-5)}))
    assert find_changes(config, own) == {"optimizer.players.generator.lr": 1e-5}
    with pytest.raises(ConfigError, match=r"optimizer\.algorithm = 'rmsprop': is 'adam' for the whole of a run"):
        find_changes(config, replace(config, optimizer=replace(config.optimizer, algorithm="rmsprop")))


def test_a_run_cannot_end_before_what_it_has_seen(config: RunConfig) -> None:
    check_length(config, position=8)
    with pytest.raises(
        ConfigError, match=r"train\.total_kimg = 0\.008: the run has seen 12 images; use 0\.012 or more"
    ):
        check_length(config, position=12)

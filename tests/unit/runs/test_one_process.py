"""A run is trained by one process at a time."""

from pathlib import Path

import pytest

from tests.shrink import shrink
from trainer import main as rank
from trainer.presets import DEFAULT, load_preset
from trainer.runs.rundir import RunDir


def test_a_run_that_is_being_trained_is_not_trained_again(
    tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(tmp_path / "run")
    run.create(shrink(load_preset(DEFAULT), dataset=tiny_dataset), preset=DEFAULT, command=[])
    with run.only_process():
        assert rank.main(run.path) == 2
    said = capsys.readouterr().err
    assert f"run = '{run.path}': is in use by process" in said
    assert "Wait for its end" in said
    assert not run.metrics_file.exists()

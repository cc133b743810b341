"""A Ray that does not come up: one line, and where the rest of it is."""

import tempfile
from pathlib import Path

import pytest

import sharding.work.local_ray
from sweeps.cli import SweepOptions, check_options, make_sweep
from sweeps.plan import SweepDir
from sweeps.records import read_records
from sweeps.spaces.catalogue import FIXED
from sweeps.trials import trial_config
from sweeps.tune.run import run_sweep
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset


def test_a_failure_of_ray_is_one_line_and_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ray puts sockets below its folder, and their paths may have 107 characters only."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(sharding.work.local_ray.os, "access", lambda path, mode: path != "/tmp")
    options = SweepOptions(
        config=trial_config(load_preset(DEFAULT)), space="l1-skips", num_trials=4, metric="eval/psnr", name="test"
    )
    sweep = make_sweep(options, FIXED["l1-skips"], preset=DEFAULT, asked={}, resources=check_options(options))
    folder = SweepDir(tmp_path / "test")
    folder.create(sweep)
    assert run_sweep(folder, sweep, read_records(folder, sweep)) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: Ray failed: ")
    assert "AF_UNIX path length" in said
    assert "all of it: test/ray.log. To go on: diptych sweep --resume test\n" in said
    assert said.count("\n") == 1
    assert "Traceback" in folder.ray_log.read_text()
    assert list(long.iterdir()) == []
    folder.create(sweep)  # its name is free again
    folder.run("000").path.mkdir()
    with pytest.raises(ConfigError, match="exists; choose another --name"):
        folder.create(sweep)

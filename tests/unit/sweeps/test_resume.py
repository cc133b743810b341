"""A sweep's folder may come from a stranger: it is read as JSON, field by field, and damage is told by name."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from launch.cli import main
from sweeps.cli import SweepOptions, check_options, make_sweep
from sweeps.plan import Sweep, SweepDir
from sweeps.records import Record, write_record
from sweeps.resume import open_sweep
from sweeps.spaces.catalogue import FIXED
from sweeps.spaces.overrides import apply
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset

FINISHED = Record(state="finished", position=2000, scores={"eval/psnr": 20.0})


@pytest.fixture
def sweep(tiny_dataset: Path) -> Sweep:
    changes = {"data.path": str(tiny_dataset), "data.view_a": "a", "data.view_b": "b", "engine.device": "cpu"}
    options = SweepOptions(
        config=apply(load_preset(DEFAULT), changes), space="l1-skips", num_trials=4, metric="eval/psnr", name="test"
    )
    return make_sweep(options, FIXED["l1-skips"], preset=DEFAULT, asked=changes, resources=check_options(options))


@pytest.fixture
def folder(sweep: Sweep, tmp_path: Path) -> SweepDir:
    """Of a sweep whose first trial has come to its end, and whose second was killed."""
    folder = SweepDir(tmp_path / "sweep")
    folder.create(sweep)
    for name, overrides in list(sweep.trials().items())[:2]:
        folder.run(name).create(apply(sweep.config, overrides), preset=DEFAULT, command=[])
    folder.ray_log.touch()
    write_record(folder, "000", FINISHED)
    write_record(folder, "001", Record(state="training", position=250, num_restarts=1))
    return folder


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_left_is_found_from_our_own_files(folder: SweepDir, sweep: Sweep) -> None:
    opened, records = open_sweep(folder)
    assert opened == sweep
    assert records == {
        "000": FINISHED,
        "001": Record(state="training", position=250, num_restarts=1),
        "002": Record(),
        "003": Record(),
    }
    assert [name for name, record in records.items() if not record.is_ended] == ["001", "002", "003"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b"null", b'{"state": 5}'])
@pytest.mark.parametrize("name", ["sweep.json", "records/001.json", "trials/001/run.json", "trials/000/run.json"])
def test_a_damaged_file_is_named(folder: SweepDir, name: str, content: bytes) -> None:
    (folder.path / name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        open_sweep(folder)
    assert name in str(caught.value) or "config" in str(caught.value)


@pytest.mark.parametrize("name", ["sweep.json", "records/001.json", "trials/001/run.json", "trials/000/metrics.jsonl"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(folder: SweepDir, name: str) -> None:
    (folder.path / name).unlink(missing_ok=True)
    os.mkfifo(folder.path / name)
    with pytest.raises(ConfigError, match=f"{name}.*is no regular file"):
        open_sweep(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "../../evil"}, "preset = '../../evil'"),
        ({"space": "../evil", "domains": None}, "space = '../evil': there are"),
        ({"domains": {"method.weight_l1": "much"}}, "domains = .*of sweep.json: .*give two different values"),
        ({"domains": {"method.weight_l1": "-2..-1"}}, "method.weight_l1 = -"),
        ({"metric": "eval/x"}, "metric = 'eval/x': there are"),
        ({"num_trials": 10**12}, "num_trials = 1000000000000: use 10000 or fewer"),
        ({"num_trials": 0}, "num_trials = 0: use 1 or more"),
        ({"format": 1000}, "format = 1000: .*sweep.json was made by a later version.*update Diptych"),
        ({"num_reports": -1}, "num_reports = -1: use 1 or more"),
        ({"ranks_per_trial": 10**6}, "ranks_per_trial = 1000000: a trial would need"),
        ({"resources": {"cpus_per_rank": -1, "gpus_per_rank": 0, "max_concurrent": 1}}, "cpus_per_rank"),
    ],
)
def test_an_impossible_setting_is_named_before_anything_starts(folder: SweepDir, changes: dict, message: str) -> None:
    rewrite(folder.sweep_file, **changes)
    with pytest.raises(ConfigError, match="(?s)" + message.replace("..", r"\.\.")):
        open_sweep(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position": -1}, "position"),
        ({"state": "hacked"}, "state"),
        ({"scores": {"eval/psnr": "NaN"}}, "scores"),
        ({"num_restarts": 0.5}, "num_restarts"),
        ({"code": "x"}, "code"),
    ],
)
def test_an_impossible_record_is_named(folder: SweepDir, changes: dict, message: str) -> None:
    rewrite(folder.record("001"), **changes)
    with pytest.raises(ConfigError, match=f"(?s)records/001.json.*is damaged.*{message}.*remove it"):
        open_sweep(folder)


def test_the_machine_decides_what_a_resumed_sweep_may_use(folder: SweepDir, sweep: Sweep) -> None:
    greedy = {"cpus_per_rank": 10**6, "gpus_per_rank": 0, "max_concurrent": 10**6}
    rewrite(folder.sweep_file, resources=greedy)
    resources = open_sweep(folder)[0].resources
    most = sweep.resources.cpus_per_rank * sweep.resources.max_concurrent
    assert resources.cpus_per_rank * resources.max_concurrent <= most


def test_a_run_of_another_configuration_is_not_taken_for_a_trial(folder: SweepDir, sweep: Sweep) -> None:
    folder.run("001").run_file.write_bytes(folder.run("000").run_file.read_bytes())
    with pytest.raises(ConfigError, match=r"trials/001/run\.json.*it is of another sweep"):
        open_sweep(folder)


@pytest.mark.parametrize("name", ["trials", "records", "trials/001", "ray.log"])
def test_a_link_is_refused(folder: SweepDir, tmp_path: Path, name: str) -> None:
    (folder.path / name).rename(tmp_path / "elsewhere")
    (folder.path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"is a link to .*elsewhere, which is not followed"):
        open_sweep(folder)


def test_a_sweep_of_an_earlier_version_is_not_read(folder: SweepDir) -> None:
    folder.record("000").unlink()
    folder.record("001").unlink()
    folder.records.rmdir()
    (folder.path / "tune").mkdir()
    with pytest.raises(ConfigError, match=r"was begun by an earlier version.* Start a new sweep"):
        open_sweep(folder)


def test_records_are_not_written_through_links(folder: SweepDir, tmp_path: Path) -> None:
    victim = tmp_path / "authorized_keys"
    victim.write_text("the user's")
    folder.record("002").symlink_to(victim)
    write_record(folder, "002", FINISHED)
    assert victim.read_text() == "the user's"


def test_what_the_user_asked_of_the_preset_is_checked(folder: SweepDir) -> None:
    """It is printed as a command at the end."""
    rewrite(folder.sweep_file, asked={"optimizer.lr; rm -r ~": 1})
    with pytest.raises(ConfigError, match="the configuration has no such field"):
        open_sweep(folder)


def test_a_sweep_that_is_running_is_not_run_again(folder: SweepDir, capsys: pytest.CaptureFixture[str]) -> None:
    with folder.only_process():
        assert main(["sweep", "--resume", str(folder.path)]) == 2
    assert f"resume = '{folder.path}': is in use by process {os.getpid()}" in capsys.readouterr().err


def test_a_sweep_that_was_moved_begins_where_it_is_resumed(folder: SweepDir, tmp_path: Path, monkeypatch) -> None:
    rewrite(folder.sweep_file, folder="/nowhere/at/all")
    monkeypatch.chdir(tmp_path)
    assert open_sweep(folder)[0].folder == tmp_path

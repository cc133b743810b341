"""Sweeps with Ray and real ranks: they survive a killed rank and a killed driver, and use ranks again.

Nobody else reaches them meanwhile, and nothing is run that lies in the folder of a sweep that is resumed.
"""

import contextlib
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from launch.machine.devices import count_cores
from sweeps.plan import SweepDir
from sweeps.tune.rank import Rank
from tests.distributed.launcher import run_ranks
from tests.made_sweep import TINY_TRIALS
from tests.shrink import shrink
from tests.sockets import open_to_others
from trainer.checkpoints.layout import latest_checkpoint
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.exits import STOPPED
from trainer.ranks.world import World
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.slow

PATIENCE_S = 200
RANKS_END_S = 20
"""After their driver was killed, on a busy machine: by themselves Ray's actors take a minute."""
TOTAL = 192
NUM_REPORTS = 8
SWEEP = {
    "num-trials": 2,
    "max-concurrent": 1,
    "ranks-per-trial": min(2, count_cores()),
    "num-reports": NUM_REPORTS,
    "reduction-factor": 4,
    "train.total-kimg": TOTAL / 1000,
    "train.ema-half-life-kimg": 0.02,
    **TINY_TRIALS,
    "log.wandb": "offline",
}


class SweepProcess:
    """`diptych sweep`, and the processes that Ray starts for it."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        with self.output.open("w") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "launch.cli", "sweep", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )

    def interrupt(self) -> None:
        """As Ctrl-C at a terminal, which all processes in front hear."""
        os.killpg(self.popen.pid, signal.SIGINT)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.popen.pid).children(recursive=True)

    def ranks(self) -> list[psutil.Process]:
        return [process for process in self.family() if is_rank(process)]

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.popen.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)

    def wait(self) -> int:
        return self.popen.wait(timeout=PATIENCE_S)

    def kill(self) -> None:
        """End the driver at once, and wait for its ranks, which notice soon; Ray's own helpers are not waited for."""
        if self.popen.poll() is not None:
            return
        ranks, family, private = self.ranks(), self.family(), self.private_folders()
        self.popen.kill()
        self.popen.wait()
        _, alive = psutil.wait_procs(ranks, timeout=RANKS_END_S)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for folder in private:  # nobody else can enter it, but a killed driver cannot remove it
            shutil.rmtree(folder, ignore_errors=True)
        assert alive == []

    def private_folders(self) -> set[str]:
        """Where Ray and Tune keep their files: Ray's processes are told."""
        words = [word for process in self.family() for word in command_of(process)]
        return {match[1] for word in words if (match := re.search(r"(/[^=]*/diptych-[^/]+)/ray", word))}


def is_rank(process: psutil.Process) -> bool:
    """By the name that Ray gives to an actor's process, e.g. `ray::Rank.advance`."""
    return any(word.startswith("ray::Rank") for word in command_of(process)[:1])


def command_of(process: psutil.Process) -> list[str]:
    """Empty if it has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[dict[str, object]], SweepProcess]]:
    """Starts `diptych sweep` with some settings; nothing of it outlives the test."""
    started: list[SweepProcess] = []

    def start_one(settings: dict[str, object]) -> SweepProcess:
        started.append(SweepProcess(tmp_path, settings))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()


@pytest.mark.timeout(2 * PATIENCE_S)
def test_a_sweep_survives_a_killed_rank_and_a_killed_driver(start, tmp_path: Path, tiny_dataset: Path) -> None:
    folder = SweepDir(tmp_path / "nightly")
    process = start(SWEEP | {"data.path": tiny_dataset, "sweeps": tmp_path, "name": "nightly"})
    process.wait_until(lambda: any(saved_position(run) for run in runs(folder)))
    [run] = runs(folder)
    first_picture = min(run.samples.iterdir())
    drawn = first_picture.stat().st_mtime_ns
    process.ranks()[-1].kill()
    at_kill = saved_position(run)
    assert at_kill < TOTAL, "the trial was over before its rank was killed"
    process.wait_until(lambda: saved_position(run) > at_kill)
    assert open_to_others([psutil.Process(process.popen.pid), *process.family()]) == []
    process.kill()

    marker = tmp_path / "code of a stranger has run"
    plant_pickles(folder.path, marker)
    process = start({"resume": folder.path})
    assert process.wait() == 0, process.output.read_text()
    assert not marker.exists()
    report = json.loads(folder.report_json.read_text())
    killed, other = sorted(report["trials"], key=lambda trial: trial["trial"])
    assert (killed["trial"], other["trial"]) == ("000", "001")
    assert "actor died" in folder.errors("000").read_text()
    assert (killed["state"], killed["position"], killed["num_restarts"]) == ("finished", TOTAL, 1)
    assert killed["overrides"] == {"method.weight_l1": 100.0, "method.generator.skips": "concatenate"}
    assert other["state"] in ("finished", "stopped early")
    assert report["best"]["trial"] in (killed["trial"], other["trial"])

    # It went on from its checkpoints: never again from the start, and its record has no gap and nothing twice.
    assert first_picture.stat().st_mtime_ns == drawn
    period = TOTAL // NUM_REPORTS
    scored = [metrics["position"] for metrics in read_metrics(run.metrics_file) if "eval/psnr" in metrics]
    assert scored == list(range(period, TOTAL + 1, period))
    # The run directories are those of `diptych train`.
    assert {key for key in killed["scores"] if key.startswith("eval/")} == {"eval/psnr", "eval/ssim"}
    assert all(saved_position(trial) > 0 and trial.config() for trial in runs(folder))
    (called,) = wandb_names(folder.run(other["trial"]))
    assert called[0] == "nightly"
    assert called[1].startswith(f"{other['trial']} weight_l1=")

    # A finished sweep shows its table once more, and needs no Ray for it.
    plant_pickles(folder.path, marker)
    folder.report_json.unlink()
    process = start({"resume": folder.path})
    assert process.wait() == 0, process.output.read_text()
    assert not marker.exists()
    assert json.loads(folder.report_json.read_text()) | {"written": report["written"]} == report


def without_test(dataset: Path, copy: Path) -> Path:
    """A copy of a data set in whose shards of the test split there is nothing but zeros."""
    shutil.copytree(dataset, copy)
    shards = [*(copy / "test").glob("*.tar")]
    assert shards
    for shard in shards:
        shard.write_bytes(bytes(shard.stat().st_size))
    return copy


def test_a_search_by_earlier_scores_trains_what_it_proposed_and_reads_no_test(
    start, tmp_path: Path, tiny_dataset: Path
) -> None:
    folder = SweepDir(tmp_path / "tpe")
    dataset = without_test(tiny_dataset, tmp_path / "shards")
    settings = {"algorithm": "tpe", "vary": "optimizer.lr=log:1e-5..1e-3", "num-trials": 3, "num-reports": 2}
    settings |= {"train.total-kimg": 0.016, "ranks-per-trial": 1, "cpus-per-rank": 1, "max-concurrent": 1}
    process = start(SWEEP | settings | {"data.path": dataset, "sweeps": tmp_path, "name": "tpe"})
    assert process.wait() == 0, process.output.read_text()
    trials = json.loads(folder.report_json.read_text())["trials"]
    assert [trial["state"] for trial in trials] == ["finished"] * 3
    rates = {trial["trial"]: trial["overrides"]["optimizer.lr"] for trial in trials}
    assert len(set(rates.values())) == 3
    assert rates["000"] == pytest.approx(4e-4)  # the preset's own
    assert {name: folder.run(name).config().optimizer.lr for name in rates} == rates
    start({"resume": folder.path}).wait()
    again = json.loads(folder.report_json.read_text())["trials"]
    assert again == trials


@pytest.mark.soak
@pytest.mark.timeout(3 * PATIENCE_S)
def test_what_fails_ends_no_sweep_and_every_cell_is_run_in_the_end(start, tmp_path: Path, tiny_dataset: Path) -> None:
    folder = SweepDir(tmp_path / "grid")
    settings = {"algorithm": "grid", "vary": "optimizer.lr=4e-4,1e30,1e-4", "num-reports": 12, "log.wandb": "disabled"}
    settings |= {"train.total-kimg": 0.096, "ranks-per-trial": 1, "cpus-per-rank": 1}
    settings = {name: value for name, value in (SWEEP | settings).items() if name != "num-trials"}
    process = start(settings | {"data.path": tiny_dataset, "sweeps": tmp_path, "name": "grid"})
    process.wait_until(folder.sweep_file.exists)
    obstacle = folder.run("002").path
    obstacle.write_text("where the run's folder should be")
    assert process.wait() == 1, process.output.read_text()
    trials = by_name(folder)
    assert {name: trial["state"] for name, trial in trials.items()} == dict(
        zip(("000", "001", "002"), ("finished", "diverged", "failed"), strict=True)
    )
    assert json.loads(folder.report_json.read_text())["best"]["trial"] == "000"
    assert "002 failed, restarted 2 times" in process.output.read_text()
    assert folder.errors("002").read_text().count("Failure #") == 3

    obstacle.unlink()
    ended = {name: folder.run(name).metrics_file.stat().st_mtime_ns for name in ("000", "001")}
    process = start({"resume": folder.path})
    process.wait_until(lambda: saved_position(folder.run("002")))
    process.interrupt()
    assert process.wait() == STOPPED, process.output.read_text()
    assert "stopped and saved. Continue with: diptych sweep --resume" in process.output.read_text()
    at_stop = saved_position(folder.run("002"))
    assert at_stop < 96, "the trial was over before it was interrupted"
    process = start({"resume": folder.path})
    assert process.wait() == 0, process.output.read_text()
    again = by_name(folder)
    assert again["002"]["state"] == "finished"
    assert {name: again[name] for name in ended} == {name: trials[name] for name in ended}
    assert {name: folder.run(name).metrics_file.stat().st_mtime_ns for name in ended} == ended


def by_name(folder: SweepDir) -> dict[str, dict[str, Any]]:
    return {trial["trial"]: trial for trial in json.loads(folder.report_json.read_text())["trials"]}


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


TUNES = (
    "tuner.pkl",
    "trainable.pkl",
    "searcher-state-2026-01-01_00-00-00.pkl",
    "search_gen_state-2026-01-01_00-00-00.json",
    "basic-variant-state-2026-01-01_00-00-00.json",
    "000/error.pkl",
    "000/checkpoint_000000/_dict_checkpoint.pkl",
    "000/checkpoint_000000/_metadata.pkl",
)
"""Files in which Ray Tune keeps pickles. Its experiment_state-*.json has some inside."""


def plant_pickles(folder: Path, marker: Path) -> None:
    """As a stranger could before handing the sweep on: in every file of Tune's, and in those that it might have."""
    payload = pickle.dumps(Payload(marker))
    tunes = [folder / "tune" / name for name in TUNES]
    for path in {*tunes, *(path for path in (folder / "tune").rglob("*") if path.is_file())}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)
    state = {"trial_data": [], "runner_data": {"_resources": {"_type": "CLOUDPICKLE_FALLBACK", "value": payload.hex()}}}
    (folder / "tune" / "experiment_state-2026-01-01_00-00-00.json").write_text(json.dumps(state))


def test_a_used_rank_trains_like_a_new_one_and_reports_divergence(tmp_path: Path, tiny_dataset: Path) -> None:
    config = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    bad = replace(config, optimizer=replace(config.optimizer, lr=1e30))
    for name, one in {"first": config, "bad": bad, "second": config}.items():
        RunDir(tmp_path / name).create(one, preset=DEFAULT, command=[])
    [(first, diverged, second)] = run_ranks(use_a_rank, 1, tmp_path)
    assert diverged["diverged"] is True
    assert first["position"] == second["position"] == 16
    assert first == second
    assert saved_position(RunDir(tmp_path / "second")) == 16
    assert saved_position(RunDir(tmp_path / "bad")) == 0


def use_a_rank(world: World, folder: Path) -> list[dict]:
    rank = Rank(folder, num_threads=1)
    reports = []
    for name in ("first", "bad", "second"):
        assert rank.begin(folder / name) == 0
        rank.advance(8)
        reports.append(rank.advance(8))
        rank.end()
    return reports


def runs(folder: SweepDir) -> list[RunDir]:
    return [RunDir(path.parent) for path in folder.trials.glob("*/run.json")]


def saved_position(run: RunDir) -> int:
    folder = latest_checkpoint(run.checkpoints)
    return int(folder.name) if folder is not None else 0


def wandb_names(run: RunDir) -> set[tuple[str, str]]:
    """Group and name of all parts of the run: each of its processes wrote one."""
    names = set()
    for folder in run.path.glob("wandb/offline-run-*"):
        command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        records = [json.loads(line) for line in shown.splitlines()]
        found = [record["run"] for record in records if record["type"] == "run"]
        names |= {(run["run_group"], run["display_name"]) for run in found}
    return names

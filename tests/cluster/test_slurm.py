"""Runs as jobs of a real Slurm: time limit, preemption and a dead node change no loss, and no run queues for ever."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from launch.ranks.agent import TOKEN_VARIABLE
from launch.slurm.cycles import read_cycle
from launch.slurm.script import script_path
from tests.cluster.namespaces import make_machines
from tests.cluster.slurm import Slurm, missing_slurm, run_slurm, wait_until
from tests.cluster.training import PATIENCE_S, STEP, assert_same, losses, make_run, train_here
from trainer.checkpoints.layout import latest_checkpoint
from trainer.ranks import exits
from trainer.runs.changes import find_changes, write_changes
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.timeout(1200)

ENDLESS = 1_000_000
EQUAL = ("--env", "ATEN_CPU_CAPABILITY")
"""What makes losses equal to those of ranks that get all of this process's variables."""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    if reason := missing_slurm():
        pytest.skip(reason)
    with (
        make_machines(4, tmp_path_factory.mktemp("machines")) as machines,
        run_slurm(machines, tmp_path_factory.mktemp("slurm")) as started,
    ):
        yield started


def submit(slurm: Slurm, run: RunDir, *flags: str) -> int:
    """Have `diptych` submit a run on two nodes; the number of its job."""
    done = diptych(slurm, "train", "--resume", str(run.path), "--slurm", "--nodes", "2", *EQUAL, *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    cycle = read_cycle(run)
    assert cycle is not None
    assert f"submitted: job {cycle.job} on 2 nodes" in done.stdout
    return int(cycle.job)


def diptych(slurm: Slurm, *arguments: str):
    return slurm.run(sys.executable, "-m", "launch.cli", *arguments, OMP_NUM_THREADS="1", COLUMNS="400")


def said(run: RunDir, job: int) -> str:
    return (run.path / "slurm" / f"job-{job}.log").read_text()


def wait_until_it_trains(slurm: Slurm, run: RunDir, job: int) -> None:
    """Some steps more than are saved."""
    saved = latest_checkpoint(run.checkpoints)
    goal = (0 if saved is None else int(saved.name)) + 3 * STEP

    def trains() -> bool:
        assert slurm.job(job).state in ("PENDING", "CONFIGURING", "RUNNING"), said(run, job)
        return max(losses(run), default=0) >= goal

    wait_until(trains, within_s=PATIENCE_S, otherwise=lambda: said(run, job))


def tokens(slurm: Slurm) -> set[str]:
    """Of all steps that run."""
    found = set()
    for node in slurm.nodes:
        for pid in node.pids():
            variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
            found |= {v.partition("=")[2] for v in variables if v.startswith(f"{TOKEN_VARIABLE}=")}
    return found


def test_a_run_survives_its_time_limit_preemption_and_a_dead_node(
    slurm: Slurm, tiny_dataset: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", tiny_dataset, steps=ENDLESS)
    job = submit(slurm, run, "--time-limit", "30", "--notice-s", "60")
    wait_until_it_trains(slurm, run, job)
    _token_is_nobodys_business(slurm, run)
    _the_time_limit_comes(slurm, run, job)
    wait_until_it_trains(slurm, run, job)
    _another_job_needs_the_nodes(slurm, run, job)
    wait_until_it_trains(slurm, run, job)
    total = _the_first_node_dies(slurm, run, job)
    assert slurm.wait_for(job, "COMPLETED", restarts=3, within_s=PATIENCE_S).exit_status == 0
    same = make_run(tmp_path / "same", tiny_dataset, steps=total / STEP)
    train_here(same)
    assert_same(run, same)


def _token_is_nobodys_business(slurm: Slurm, run: RunDir) -> None:
    (token,) = tokens(slurm)
    assert token not in script_path(run.path).read_text()
    shown = slurm.run("ps", "-eo", "args").stdout
    assert str(run.path) in shown
    assert token not in shown


def _the_time_limit_comes(slurm: Slurm, run: RunDir, job: int) -> None:
    done = slurm.run("scontrol", "update", f"JobId={job}", "EndTime=now+50")
    assert done.returncode == 0, done.stderr
    slurm.wait_for(job, "RUNNING", restarts=1)
    assert f"job {job}: its time is over; saved after " in said(run, job)


def _another_job_needs_the_nodes(slurm: Slurm, run: RunDir, job: int) -> None:
    other = slurm.submit("--nodes=3", "--partition=high", "--wrap=sleep 600")
    slurm.wait_for(other, "RUNNING")
    assert slurm.job(job).restarts == 2
    assert f"job {job}: another job takes its nodes; saved after " in said(run, job)
    slurm.run("scancel", str(other))


def _the_first_node_dies(slurm: Slurm, run: RunDir, job: int) -> int:
    """The one that decides what is to become of the job. Returns the position at which the run is to end."""
    everything = ",".join(node.name for node in slurm.nodes)
    slurm.run("scontrol", "update", f"NodeName={everything}", "State=DRAIN", "Reason=wait")
    first = next(node for node in slurm.nodes if node.name == slurm.job(job).batch_host)
    first.kill()
    slurm.wait_for(job, "PENDING", restarts=3)
    total = end_soon(run)
    left = ",".join(node.name for node in slurm.nodes if node is not first)
    slurm.run("scontrol", "update", f"NodeName={left}", "State=RESUME")
    return total


def end_soon(run: RunDir) -> int:
    """Let a run that nobody trains end a few steps after its newest checkpoint. Returns the position."""
    saved = latest_checkpoint(run.checkpoints)
    assert saved is not None
    before, total = run.config(), int(saved.name) + 5 * STEP
    after = replace(before, train=replace(before.train, total_kimg=total / 1000))
    write_changes(run, after, find_changes(before, after), position=int(saved.name))
    return total


def wait_until_it_begins(slurm: Slurm, run: RunDir, job: int, *, idle: int = 0) -> None:
    """Before any rank has loaded torch."""

    def begins() -> bool:
        cycle = read_cycle(run)
        return cycle is not None and cycle.position is not None and cycle.idle == idle

    wait_until(begins, otherwise=lambda: slurm.job(job))


def test_the_fourth_start_after_three_jobs_that_saved_nothing_is_refused(
    slurm: Slurm, tiny_dataset: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", tiny_dataset, steps=ENDLESS)
    job = submit(slurm, run)
    for idle in range(3):
        wait_until_it_begins(slurm, run, job, idle=idle)
        slurm.run("scontrol", "requeue", str(job))
    assert slurm.wait_for(job, "FAILED", restarts=3).exit_status == exits.NO_PROGRESS
    assert "have saved nothing newer than 0 images" in said(run, job)


def test_where_no_job_may_be_requeued_another_follows(slurm: Slurm, tiny_dataset: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tiny_dataset, steps=ENDLESS)
    first = submit(slurm, run)
    slurm.run("scontrol", "update", f"JobId={first}", "Requeue=0")
    wait_until_it_begins(slurm, run, first)
    slurm.run("scancel", "--signal=USR1", "--batch", str(first))
    wait_until_it_begins(slurm, run, first, idle=1)
    cycle = read_cycle(run)
    assert cycle is not None
    assert f"job {first}: it may not be queued again" in said(run, first)
    assert f"job {cycle.job} goes on." in said(run, first)
    assert int(cycle.job) > first
    slurm.run("scancel", cycle.job)
    slurm.wait_for(int(cycle.job), "CANCELLED")


def test_a_cancelled_job_does_not_come_back(slurm: Slurm, tiny_dataset: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tiny_dataset, steps=ENDLESS)
    job = submit(slurm, run)
    wait_until_it_begins(slurm, run, job)
    again = diptych(slurm, "train", "--resume", str(run.path), "--slurm", "--nodes", "2")
    assert again.returncode == exits.WRONG_INPUT
    assert f"job = '{job}'" in again.stderr
    assert f"scancel {job}" in again.stderr
    slurm.run("scancel", str(job))
    assert slurm.wait_for(job, "CANCELLED").restarts == 0
    wait_until(lambda: all(slurm.node_state(node) == "idle" for node in slurm.nodes))
    assert slurm.job(job).restarts == 0


def test_what_slurm_refuses_leaves_nothing_behind(slurm: Slurm, tiny_dataset: Path, tmp_path: Path) -> None:
    flags = ["--data.path", str(tiny_dataset), "--data.view-a", "a", "--data.view-b", "b", "--engine.device", "cpu"]
    where = ["--slurm", "--nodes", "2", "--partition", "nowhere", "--runs", str(tmp_path / "runs")]
    done = diptych(slurm, "train", *flags, *where)
    assert done.returncode == exits.FAILED
    assert "nothing was submitted" in done.stderr
    assert "invalid partition" in done.stderr
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "runs"])

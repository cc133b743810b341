"""Runs as jobs of a real Slurm: time limit, preemption and a dead node change no loss, and no run queues for ever."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from launch.ranks.agent import TOKEN_VARIABLE
from launch.slurm.cycles import read_cycle
from launch.slurm.options import SlurmOptions
from launch.slurm.script import Settings, script_path, script_text
from tests.cluster.namespaces import make_machines
from tests.cluster.slurm import Slurm, missing_slurm, run_slurm, wait_until
from tests.cluster.training import PATIENCE_S, STEP, assert_same, losses, make_run, train_here
from trainer.checkpoints.layout import latest_checkpoint
from trainer.ranks import exits
from trainer.runs.batches import note_global_batch
from trainer.runs.changes import find_changes, write_changes
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.timeout(1200)

ENDLESS = 1_000_000
KEY = "9f1d7c5e"
"""Of W&B, which nobody else is to see."""
MISLEADING = {"SBATCH_EXPORT": "NONE", "SBATCH_NO_REQUEUE": "1", "SBATCH_WAIT": "1", "SBATCH_ARRAY_INX": "0-3"}
"""What sbatch would prefer to the script."""
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
    variables = {"OMP_NUM_THREADS": "1", "COLUMNS": "400", "WANDB_API_KEY": KEY, **MISLEADING}
    return slurm.run(sys.executable, "-m", "launch.cli", *arguments, env=variables)


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


def values_of(name: str, slurm: Slurm) -> set[str]:
    """Of a variable, in all processes of the nodes."""
    found = set()
    for pid in (pid for node in slurm.nodes for pid in node.pids()):
        with contextlib.suppress(OSError):  # gone
            variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
            found |= {v.partition("=")[2] for v in variables if v.startswith(f"{name}=")}
    return found


def left(slurm: Slurm) -> list[str]:
    """Commands that run on nodes, but for Slurm's own."""
    pids = [pid for node in slurm.nodes for pid in node.pids()]
    commands = [Path(f"/proc/{pid}/cmdline") for pid in pids]
    said = [path.read_bytes().decode().replace("\0", " ") for path in commands if path.exists()]
    return [command for command in said if not command.startswith("slurmd ")]


def test_odd_paths_arrive_as_they_are(slurm: Slurm, tmp_path: Path) -> None:
    run = tmp_path / 'it\'s a "q" #1' / "$HOME x;y&z über (%j)"
    command = ["sh", "-c", 'pwd; scontrol show job --oneliner "$SLURM_JOB_ID"']
    options = SlurmOptions(slurm=True, slurm_arg=('--comment=it\'s 50% of "all" # not more',))
    settings = Settings(run=run, folder=run, options=options, nodes=2, slots=1, gpus=0, cores=1, command=command)
    script = script_path(run)
    script.parent.mkdir(parents=True)
    script.write_text(script_text(settings))
    number = slurm.submit(script)
    slurm.wait_for(number, "COMPLETED")
    lines = (run / "slurm" / f"job-{number}.log").read_text().splitlines()
    assert lines[0] == str(run)
    assert 'Comment=it\'s 50% of "all" # not more' in lines[1]


def test_a_run_survives_its_time_limit_preemption_and_a_dead_node(
    slurm: Slurm, tiny_dataset: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", tiny_dataset, steps=ENDLESS)
    job = submit(slurm, run, "--time-limit", "30", "--notice-s", "60")
    wait_until_it_trains(slurm, run, job)
    _secrets_are_nobodys_business(slurm, run, job)
    _the_time_limit_comes(slurm, run, job)
    wait_until_it_trains(slurm, run, job)
    _another_job_needs_the_nodes(slurm, run, job)
    wait_until_it_trains(slurm, run, job)
    total = _the_first_node_dies(slurm, run, job)
    assert slurm.wait_for(job, "COMPLETED", restarts=3, within_s=PATIENCE_S).exit_status == 0
    wait_until(lambda: not left(slurm), within_s=30, otherwise=lambda: left(slurm))
    same = make_run(tmp_path / "same", tiny_dataset, steps=total / STEP)
    train_here(same)
    assert_same(run, same)


def _secrets_are_nobodys_business(slurm: Slurm, run: RunDir, job: int) -> None:
    (token,) = values_of(TOKEN_VARIABLE, slurm)
    assert values_of("WANDB_API_KEY", slurm) == {KEY}
    processes = slurm.run("ps", "-wweo", "args").stdout
    known = slurm.run("scontrol", "show", "job", "--details", str(job)).stdout
    assert str(run.path) in processes
    assert str(run.path) in known
    logs = "".join(path.read_text() for path in run.path.rglob("*.log"))
    for shown in (processes, known, script_path(run.path).read_text(), run.run_file.read_text(), logs):
        assert token not in shown
        assert KEY not in shown


def _the_time_limit_comes(slurm: Slurm, run: RunDir, job: int) -> None:
    done = slurm.run("scontrol", "update", f"JobId={job}", "EndTime=now+50")
    assert done.returncode == 0, done.stderr
    slurm.wait_for(job, "RUNNING", restarts=1)
    slurm.run("scontrol", "update", f"JobId={job}", "TimeLimit=30")
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


def test_a_run_that_gets_nowhere_is_not_queued_a_fourth_time(slurm: Slurm, tiny_dataset: Path, tmp_path: Path) -> None:
    """Whether Slurm queues a job again, or another follows it where none may be."""
    run = make_run(tmp_path / "run", tiny_dataset, steps=ENDLESS)
    first = submit(slurm, run)
    wait_until_it_begins(slurm, run, first)
    slurm.run("scontrol", "requeue", str(first))
    wait_until_it_begins(slurm, run, first, idle=1)
    slurm.run("scontrol", "update", f"JobId={first}", "Requeue=0")
    slurm.run("scancel", "--signal=USR1", "--batch", str(first))
    wait_until_it_begins(slurm, run, first, idle=2)
    cycle = read_cycle(run)
    assert cycle is not None
    second = int(cycle.job)
    assert second > first
    assert f"job {first}: it may not be queued again" in said(run, first)
    assert f"job {second} goes on." in said(run, first)
    slurm.run("scontrol", "requeue", str(second))
    assert slurm.wait_for(second, "FAILED", restarts=1).exit_status == exits.NO_PROGRESS
    assert "have saved nothing newer than 0 images" in said(run, second)


def busy_nodes(slurm: Slurm) -> list[str]:
    """Those that run a job, or end one; another test may have left a dead one."""
    states = {node.name: slurm.node_state(node) for node in slurm.nodes}
    return [name for name, state in states.items() if state.startswith(("alloc", "comp", "mix"))]


def test_a_cancelled_job_does_not_come_back(slurm: Slurm, tiny_dataset: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tiny_dataset, steps=ENDLESS)
    job = submit(slurm, run, "--slurm-arg=--begin=now+600")
    assert f"Slurm job {job}: PENDING (BeginTime), start expected 20" in diptych(slurm, "status", str(run.path)).stdout
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")
    wait_until_it_begins(slurm, run, job)
    assert f"Slurm job {job}: RUNNING\n" in diptych(slurm, "status", str(run.path)).stdout
    again = diptych(slurm, "train", "--resume", str(run.path), "--slurm", "--nodes", "2")
    assert again.returncode == exits.WRONG_INPUT
    assert f"job = '{job}'" in again.stderr
    assert f"scancel {job}" in again.stderr
    slurm.run("scancel", str(job))
    assert slurm.wait_for(job, "CANCELLED").restarts == 0
    wait_until(lambda: not busy_nodes(slurm), otherwise=lambda: busy_nodes(slurm))
    assert slurm.job(job).restarts == 0


def test_ranks_that_cannot_share_the_runs_batch_are_refused_before_a_job_waits(
    slurm: Slurm, tiny_dataset: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", tiny_dataset, steps=ENDLESS)
    note_global_batch(run, STEP)
    done = diptych(slurm, "train", "--resume", str(run.path), "--slurm", "--nodes", "3")
    assert done.returncode == exits.WRONG_INPUT
    assert "num_procs = 3" in done.stderr
    assert not script_path(run.path).exists()


def test_what_slurm_refuses_leaves_nothing_behind(slurm: Slurm, tiny_dataset: Path, tmp_path: Path) -> None:
    flags = ["--data.path", str(tiny_dataset), "--data.view-a", "a", "--data.view-b", "b", "--engine.device", "cpu"]
    where = ["--slurm", "--nodes", "2", "--partition", "nowhere", "--runs", str(tmp_path / "runs")]
    done = diptych(slurm, "train", *flags, *where)
    assert done.returncode == exits.FAILED
    assert "nothing was submitted" in done.stderr
    assert "invalid partition" in done.stderr
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "runs"])

"""The launcher of ranks, with ranks that do nothing but listen: whoever ends, and however, nobody is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from launch.hosts.host import Host
from launch.ranks.interpreter import module_command
from launch.ranks.job import Job, run_here
from tests.processes import is_alive
from trainer.loop.stop import STOP_SIGNALS
from trainer.ranks.exits import FAILED, MACHINE_DIED, NO_PROGRESS, STOPPED

ROOT = Path(__file__).parents[3]

PATIENCE_S = 120

SETTLE_S = 0.5

LAUNCHER = """
import sys
from pathlib import Path
from launch.hosts.host import Host
from launch.ranks import attempt, job
attempt.GRACE_S = 0.5
attempt.SETTLE_S = float(sys.argv[3])
here = job.Job(
    run=Path(), hosts=[Host("here", 2)], num_procs=(2, 2), restarts=job.Restarts(limit=int(sys.argv[2])), again="again"
)
sys.exit(job.run_here(here, command=[sys.executable, "-c", sys.argv[1]]))
"""

RANK = """
import os, signal, stat, sys, time
from pathlib import Path
from trainer.loop import stop
from trainer.ranks import exits

stop.LAST_SAVE_S = 0.5
rank, folder = os.environ["RANK"], Path(os.environ["DIPTYCH_STORE"]).parent
assert (os.environ["WORLD_SIZE"], os.environ["LOCAL_RANK"]) == ("2", rank)
assert stat.S_IMODE(folder.stat().st_mode) == 0o700
stop.end_with_launcher()

def hang():  # as in a collective operation whose peer is gone
    while True:
        time.sleep(60)

def train(save_s=0):
    with stop.stop_signals() as told:
        Path(f"ready-{rank}").write_text(f"{os.getpid()} {folder}")
        while not told.is_set:
            time.sleep(0.01)
        Path(f"told-{rank}").touch()
        time.sleep(save_s)
        Path(f"saved-{rank}").touch()
    time.sleep(save_s)
    sys.exit(exits.STOPPED)

"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    """Starts a launcher, in `tmp_path`, of two ranks that do what the text says."""
    started: list[subprocess.Popen[str]] = []

    def start(do: str, *prefix: str, restarts: int = 0, settle_s: float = SETTLE_S) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-c", LAUNCHER, RANK + do, str(restarts), str(settle_s)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
    for file in tmp_path.glob("ready-*"):  # ranks of a launcher that failed its test
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(file.read_text().split()[0])).kill()
    for process in started:
        process.communicate(timeout=PATIENCE_S)


def ready(folder: Path, *ranks: int) -> list[psutil.Process]:
    """The processes of ranks, once they train."""
    files = [folder / f"ready-{rank}" for rank in ranks]
    until(lambda: all(file.exists() and file.read_text() for file in files))
    return [psutil.Process(int(file.read_text().split()[0])) for file in files]


def until(condition, *, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def insist(launcher: subprocess.Popen[str], folder: Path, *, first: signal.Signals, second: signal.Signals) -> None:
    """Tell it twice: again when the first signal has settled, which is once it was heard, however busy the machine."""
    launcher.send_signal(first)
    until(lambda: all((folder / f"told-{rank}").exists() for rank in (0, 1)))
    time.sleep(2 * SETTLE_S)
    assert launcher.poll() is None
    launcher.send_signal(second)


def status(launcher: subprocess.Popen[str], folder: Path) -> tuple[int, str]:
    """Its exit status, and what it and its ranks said on stderr; nothing of them is left."""
    _, said = launcher.communicate(timeout=PATIENCE_S)  # returns when no rank holds the pipe any more
    assert list(folder.glob("diptych-ranks-*")) == []
    return launcher.returncode, said


def test_ranks_that_all_end_well(start, tmp_path: Path):
    assert status(start("pass"), tmp_path) == (0, "")


def test_the_status_is_that_of_the_first_rank_that_failed_and_the_other_is_told(start, tmp_path: Path):
    launcher = start("train() if rank == '0' else [time.sleep(0.01) for _ in iter(Path('fail').exists, True)]; exit(3)")
    ready(tmp_path, 0)
    (tmp_path / "fail").touch()
    code, said = status(launcher, tmp_path)
    assert code == 3
    assert "rank 1 on here failed first" in said
    assert "ended with exit status 3" in said
    assert (tmp_path / "saved-0").exists()


def test_a_rank_that_dies_is_named_and_one_that_is_stuck_is_ended(start, tmp_path: Path):
    launcher = start("hang() if rank == '0' else os.kill(os.getpid(), signal.SIGKILL)")
    code, said = status(launcher, tmp_path)
    assert code == MACHINE_DIED
    assert "rank 1 on here failed first" in said
    assert "was killed by signal 9 (Killed). Is there enough memory?" in said
    assert said.endswith("to go on: again\n")


def test_a_killed_rank_is_started_again_with_the_others(start, tmp_path: Path):
    launcher = start(
        "attempt = os.environ['DIPTYCH_ATTEMPT']; Path(f'ran-{rank}-{attempt}').touch()\n"
        "if attempt == '1' and rank == '0': hang()\n"
        "if attempt == '1':\n"
        "    [time.sleep(0.01) for _ in iter(Path('ran-0-1').exists, True)]\n"
        "    os.kill(os.getpid(), signal.SIGKILL)",
        restarts=1,
    )
    code, said = status(launcher, tmp_path)
    assert code == 0
    assert sorted(path.name for path in tmp_path.glob("ran-*")) == ["ran-0-1", "ran-0-2", "ran-1-1", "ran-1-2"]
    assert "restarting on 2 ranks in 1 s (1 of 1): here 2" in said


def test_what_fails_every_time_is_given_up(start, tmp_path: Path):
    code, said = status(start("os.kill(os.getpid(), signal.SIGKILL)", restarts=1), tmp_path)
    assert code == NO_PROGRESS
    assert said.count("failed first") == 2
    assert "after 1 restart without a new checkpoint; to go on: again" in said


def test_what_ranks_print_is_in_their_logs_and_of_rank_0_on_the_terminal(start, tmp_path: Path):
    launcher = start("print('out', rank); print('err', rank, file=sys.stderr)")
    out, err = launcher.communicate(timeout=PATIENCE_S)
    assert (out, err) == ("out 0\n", "err 0\n")
    logs = [path.read_text() for path in sorted(tmp_path.glob("logs/*-1/rank-0000?.log"))]
    assert [sorted(log.splitlines()) for log in logs] == [["err 0", "out 0"], ["err 1", "out 1"]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_signal_and_its_echo_let_the_ranks_save(start, tmp_path: Path, number: signal.Signals):
    launcher = start("train(save_s=0.3)", settle_s=PATIENCE_S)
    ranks = ready(tmp_path, 0, 1)
    for process in (launcher, launcher, *ranks):  # a batch system signals all, a closed terminal does it twice
        with contextlib.suppress(psutil.NoSuchProcess):  # on a busy machine a rank has saved before its turn
            process.send_signal(number)
        time.sleep(0.05)
    assert status(launcher, tmp_path) == (STOPPED, "")
    assert {path.name for path in tmp_path.glob("saved-*")} == {"saved-0", "saved-1"}


def test_a_second_signal_ends_ranks_at_once(start, tmp_path: Path):
    launcher = start("train(save_s=600)")
    ready(tmp_path, 0, 1)
    insist(launcher, tmp_path, first=signal.SIGTERM, second=signal.SIGINT)
    assert status(launcher, tmp_path) == (128 + signal.SIGKILL, "")


def test_ranks_that_still_start_are_ended_without_a_word(start, tmp_path: Path):
    launcher = start("Path(f'ready-{rank}').write_text(str(os.getpid())); hang()")
    ready(tmp_path, 0, 1)
    launcher.send_signal(signal.SIGINT)
    assert status(launcher, tmp_path) == (STOPPED, "")


def test_what_nohup_ignores_stays_ignored(start, tmp_path: Path):
    launcher = start("train()", "nohup")
    ranks = ready(tmp_path, 0, 1)
    for process in (launcher, *ranks):
        process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert all(process.is_running() for process in ranks)
    assert not list(tmp_path.glob("saved-*"))
    launcher.send_signal(signal.SIGTERM)
    assert status(launcher, tmp_path)[0] == STOPPED


@pytest.mark.parametrize(("do", "saved"), [("train()", 2), ("hang()", 0)])
def test_no_rank_outlives_a_launcher_that_was_killed(start, tmp_path: Path, do: str, saved: int):
    launcher = start(f"Path(f'ready-{{rank}}').write_text(str(os.getpid())); signal.signal(15, lambda *_: 0); {do}")
    ranks = ready(tmp_path, 0, 1)
    launcher.kill()
    until(lambda: not any(is_alive(rank) for rank in ranks))
    assert len(list(tmp_path.glob("saved-*"))) == saved
    assert [folder.stat().st_mode & 0o777 for folder in tmp_path.glob("diptych-ranks-*")] == [0o700]


def test_what_a_rank_has_started_is_ended_with_it(start, tmp_path: Path):
    child = "import time; time.sleep(600)"
    launcher = start(f"import subprocess; subprocess.Popen([sys.executable, '-c', {child!r}]); train(save_s=600)")
    children = [child for rank in ready(tmp_path, 0, 1) for child in rank.children()]
    assert len(children) == 2
    insist(launcher, tmp_path, first=signal.SIGTERM, second=signal.SIGTERM)
    launcher.communicate(timeout=PATIENCE_S)  # the pipe is theirs, too
    assert not any(is_alive(child) for child in children)


def test_a_rank_that_cannot_start_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    former = [signal.getsignal(number) for number in STOP_SIGNALS]
    job = Job(run=tmp_path, hosts=[Host("here", 2)], num_procs=(2, 2), again="again")
    assert run_here(job, command=[str(tmp_path / "no-python")]) == FAILED
    assert "no-python" in capsys.readouterr().err
    assert not list(tmp_path.glob("diptych-ranks-*"))
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == former


def test_a_received_folder_lends_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As the `diptych` command runs: the folder in which the user is comes with a `trainer` of its own."""
    (tmp_path / "trainer").mkdir()
    for name in ("__init__", "stop"):
        (tmp_path / "trainer" / f"{name}.py").write_text("open('taken', 'w')")
    monkeypatch.chdir(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(module_command("trainer.loop.stop"), env=environment, check=True)
    assert not (tmp_path / "taken").exists()

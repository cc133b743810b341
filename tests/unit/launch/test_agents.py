"""Ranks of several hosts, whose agents are processes on loopback: whoever ends, and however, nobody is left."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]
PATIENCE_S = 200

LAUNCHER = """
import os, subprocess, sys
from pathlib import Path
from launch.hosts.host import Host
from launch.ranks import agent, agents, attempt, job, server

attempt.GRACE_S = 1.0
server.BEAT_S, server.SILENCE_S = 0.2, float(sys.argv[3])
hosts = [Host(name, 1) for name in sys.argv[4].split(",")]
AGENT = '''
import sys
from launch.ranks import agent, server
from launch.doctor import host
from trainer.loop import stop
if "n2" in sys.argv and {differs}:
    host.commit = lambda: "0123456"
agent.BEAT_S, agent.SILENCE_S = 0.2, {silence}
agent.UNEASY_S, agent.ALONE_S, agent.LAST_SAVE_S = {silence} / 2, {silence} - 0.2, 2.0
sys.exit(agent.main(sys.argv[2:], command=[sys.executable, "-c", sys.argv[1]]))
'''.format(silence=sys.argv[3], differs="differs" in sys.argv)

class HereAgents:
    patience_s = 60.0
    def __init__(self):
        self.processes = {}
    def start(self, host, where):
        run = Path(f"run-{host.name}" if "own" in sys.argv[5:] else "run")
        command = agent.agent_command(run, host=host, where=where)
        command = [sys.executable, "-c", AGENT, sys.argv[1], *command[command.index("launch.ranks.agent") + 1:]]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        process.stdin.write(agent.agent_input(where, {"FROM_LAUNCHER": "yes"}))
        process.stdin.flush()
        self.processes[host.name] = process
        with open("agents", "a") as file:
            file.write(f"{host.name} {process.pid}\\n")
    def why_not(self, host):
        status = self.processes[host.name].poll()
        return None if status is None else f"its agent ended with status {status}"
    def close(self):
        for process in self.processes.values():
            process.stdin.close()

num_procs = tuple(map(int, sys.argv[2].split(":")))
Path("run").mkdir(exist_ok=True)
work = job.Job(run=Path("run"), hosts=hosts, num_procs=num_procs, again="again", is_looked_at="differs" not in sys.argv)
sys.exit(job.run_job(work, agents=HereAgents(), address="127.0.0.1"))
"""

RANK = """
import os, signal, socket, sys, time
from pathlib import Path
from trainer.loop import stop
from trainer.ranks import exits

stop.LAST_SAVE_S = 0.5
rank, attempt, host = (os.environ[name] for name in ("RANK", "DIPTYCH_ATTEMPT", "DIPTYCH_HOST"))
stop.end_with_launcher()

def hang():
    while True:
        time.sleep(60)

def train():
    with stop.stop_signals() as told:
        Path(f"ready-{host}-{attempt}").write_text(str(os.getpid()))
        while not told.is_set:
            time.sleep(0.01)
        Path(f"saved-{host}-{attempt}").touch()
    sys.exit(exits.STOPPED)

"""


class Cluster:
    """A launcher and its agents, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._launcher: subprocess.Popen[str] | None = None

    def start(self, do: str, *more: str, num_procs: str = "2:2", hosts: str = "n1,n2", silence_s: float = 60) -> None:
        command = [sys.executable, "-c", LAUNCHER, RANK + do, num_procs, str(silence_s), hosts, *more]
        environment = {name: value for name, value in os.environ.items() if name != "DIPTYCH_TOKEN"}
        environment |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder)}
        pipe = subprocess.PIPE
        self._launcher = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True
        )

    @property
    def launcher(self) -> subprocess.Popen[str]:
        assert self._launcher is not None
        return self._launcher

    def close(self) -> None:
        """Whatever the test has left."""
        if self._launcher is not None:
            self._launcher.kill()
            self._launcher.communicate()
        for process in self.processes():
            process.kill()

    def agent(self, host: str) -> psutil.Process:
        """The newest of that host."""
        lines = [line.split() for line in (self.folder / "agents").read_text().splitlines()]
        return psutil.Process(int([pid for name, pid in lines if name == host][-1]))

    def processes(self) -> list[psutil.Process]:
        """Agents and ranks that are still there."""
        lines = (self.folder / "agents").read_text().split() if (self.folder / "agents").exists() else []
        pids = [int(pid) for pid in lines[1::2]]
        pids += [int(text) for file in self.folder.glob("ready-*") if (text := file.read_text())]
        found = []
        for pid in pids:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may go at any moment
                if (process := psutil.Process(pid)).status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def ready(self, *names: str) -> list[psutil.Process]:
        """Ranks, once they train: `n1-2` is that of n1 in attempt 2."""
        files = [self.folder / f"ready-{name}" for name in names]
        self.until(lambda: all(file.exists() and file.read_text() for file in files))
        return [psutil.Process(int(file.read_text())) for file in files]

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)

    def end(self, *, agents_killed: int = 0) -> tuple[int, str, str]:
        """Exit status of the launcher, what it printed, and that nothing is left."""
        out, err = self.launcher.communicate(timeout=PATIENCE_S)
        self.until(lambda: not self.processes())
        assert len(list(self.folder.glob("diptych-ranks-*"))) == agents_killed
        return self.launcher.returncode, out, err


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


def test_ranks_meet_where_rank_0_listens_and_logs_are_together(cluster: Cluster):
    cluster.start(
        "address = (os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT']));"
        "listener = socket.socket(fileno=int(os.environ['DIPTYCH_LISTEN_FD'])) if rank == '0' else None;"
        "listener and print('heard', listener.accept()[0].recv(9));"
        "listener or socket.create_connection(address).send(b'from 1');"
        "print(os.environ['FROM_LAUNCHER'], 'DIPTYCH_TOKEN' in os.environ)",
    )
    code, out, err = cluster.end()
    assert (code, out, err) == (0, "heard b'from 1'\nyes False\n", "")
    logs = [path.read_text() for path in sorted(cluster.folder.glob("run/logs/*-1/rank-*.log"))]
    assert logs == ["heard b'from 1'\nyes False\n", "yes False\n"]


def test_logs_of_hosts_with_folders_of_their_own_are_brought(cluster: Cluster):
    cluster.start("print('this is', rank)", "own")
    assert cluster.end()[0] == 0
    logs = [path.read_text() for path in sorted(cluster.folder.glob("run/logs/*-1/rank-*.log"))]
    assert logs == ["this is 0\n", "this is 1\n"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_one_signal_lets_all_hosts_save(cluster: Cluster, number: signal.Signals):
    cluster.start("train()")
    cluster.ready("n1-1", "n2-1")
    cluster.launcher.send_signal(number)
    assert cluster.end() == (143, "", "")
    assert len(list(cluster.folder.glob("saved-*"))) == 2


def test_a_signal_to_one_agent_lets_all_hosts_save(cluster: Cluster):
    cluster.start("train()")
    cluster.ready("n1-1", "n2-1")
    cluster.agent("n2").send_signal(signal.SIGTERM)
    assert cluster.end() == (143, "", "")
    assert len(list(cluster.folder.glob("saved-*"))) == 2


def test_a_killed_rank_is_started_again_with_the_others(cluster: Cluster):
    cluster.start("train()")
    cluster.ready("n1-1", "n2-1")[1].kill()
    cluster.ready("n1-2", "n2-2")
    cluster.launcher.send_signal(signal.SIGTERM)
    code, _, err = cluster.end()
    assert code == 143
    assert "rank 1 on n2 failed first" in err
    assert "restarting on 2 ranks in 1 s (1 of 3): n1 1, n2 1" in err


def test_a_spare_takes_the_place_of_a_host_that_is_gone(cluster: Cluster):
    cluster.start("train()", hosts="n1,n2,n3")
    (rank,) = cluster.ready("n2-1")
    cluster.agent("n2").kill()
    rank.kill()
    cluster.ready("n1-2", "n3-2")
    cluster.launcher.send_signal(signal.SIGTERM)
    code, _, err = cluster.end(agents_killed=1)
    assert code == 143
    assert "n2 failed first" in err
    assert "restarting on 2 ranks in 1 s (1 of 3): n1 1, n3 1" in err


def test_a_frozen_host_is_not_waited_for_and_finds_itself_expelled(cluster: Cluster):
    cluster.start("train()", num_procs="1:2", silence_s=2)
    rank, agent = cluster.ready("n1-1", "n2-1")[1], cluster.agent("n2")
    for process in (agent, rank):
        process.suspend()
    cluster.ready("n1-2")
    assert rank.status() == psutil.STATUS_STOPPED
    for process in (rank, agent):  # the agent, as soon as it can, ends the rank
        process.resume()
    cluster.until(lambda: not {rank.pid, agent.pid} & {process.pid for process in cluster.processes()})
    assert not (cluster.folder / "saved-n2-1").exists()
    cluster.launcher.send_signal(signal.SIGTERM)
    code, _, err = cluster.end()
    assert code == 143
    assert "n2 failed first" in err
    assert "nothing was heard for 2 s" in err
    assert "restarting on 1 rank in 1 s (1 of 3): n1 1" in err


def test_ranks_save_and_nobody_is_left_when_the_launcher_is_killed(cluster: Cluster):
    cluster.start("train()")
    cluster.ready("n1-1", "n2-1")
    cluster.launcher.kill()
    cluster.until(lambda: not cluster.processes())
    assert len(list(cluster.folder.glob("saved-*"))) == 2


def test_a_frozen_launcher_is_not_waited_for_and_starts_again_what_it_finds_ended(cluster: Cluster):
    cluster.start("train()", silence_s=2)
    cluster.ready("n1-1", "n2-1")
    cluster.launcher.send_signal(signal.SIGSTOP)
    cluster.until(lambda: not cluster.processes())
    assert len(list(cluster.folder.glob("saved-*-1"))) == 2
    cluster.launcher.send_signal(signal.SIGCONT)
    cluster.ready("n1-2", "n2-2")
    cluster.launcher.send_signal(signal.SIGTERM)
    code, _, err = cluster.end()
    assert code == 143
    assert "the host is lost: the connection" in err


def test_a_host_that_is_not_fit_is_named_and_nothing_is_started(cluster: Cluster) -> None:
    cluster.start("train()", "differs", hosts="n1,n2,n3", num_procs="3:3")
    status, out, err = cluster.end()
    assert status == 2
    assert "n2    not fit" in out
    assert "n2: commit: 0123456, and" in err
    assert "n3:" not in err
    assert not list(cluster.folder.glob("ready-*"))


def test_a_host_that_does_not_come_is_an_error(cluster: Cluster):
    cluster.start("train()", hosts="n1,n2", num_procs="1:2")
    cluster.until(lambda: (cluster.folder / "agents").exists() and "n2" in (cluster.folder / "agents").read_text())
    cluster.agent("n2").kill()
    code, _, err = cluster.end()
    assert code == 2
    assert "n2: its agent ended with status -9" in err

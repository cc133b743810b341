"""A Slurm of its own over several machines: a controller on the first, a node on each of the others."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.namespaces import NETNS, Machine, missing

TOOLS = {"slurmctld": "slurm-wlm", "slurmd": "slurm-wlm", "sbatch": "slurm-wlm", "munged": "munge"}

_SETTINGS = """\
ClusterName=diptych
SlurmctldHost={controller.name}({controller.address})
SlurmUser=root
AuthType=auth/munge
# How long a requeued job must wait before it starts again, too: 120 s unless given.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/linear
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=100000,batch_sched_delay=0
ReturnToService=2
SlurmdTimeout=8
KillWait=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=low Nodes=ALL Default=YES MaxTime=60 PriorityTier=1 GraceTime={grace_s}
PartitionName=high Nodes=ALL MaxTime=60 PriorityTier=10
"""
_CGROUP = "CgroupPlugin=cgroup/v1\n"
GRACE_S = 30


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the controller knows of a job."""

    number: int
    state: str
    """`PENDING`, `RUNNING`, `COMPLETED` ..."""
    restarts: int
    exit_status: int
    batch_host: str


@dataclass(frozen=True, kw_only=True)
class Slurm:
    """A running Slurm."""

    controller: Machine
    """Where users log in, too."""
    nodes: Sequence[Machine]
    folder: Path
    environment: dict[str, str]
    """Variables with which its commands find it."""

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command where users log in."""
        return self.controller.run(*command, env={**self.environment, **(env or {})}, cwd=self.folder)

    def submit(self, *arguments: str | Path) -> int:
        """Queue a script; the number of its job."""
        done = self.run("sbatch", "--parsable", *arguments)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    def job(self, number: int) -> Job:
        """How a job stands."""
        done = self.run("scontrol", "show", "job", "--oneliner", str(number))
        assert done.returncode == 0, done.stderr
        values = dict(re.findall(r"(\w+)=(\S*)", done.stdout))
        return Job(
            number=number,
            state=values["JobState"],
            restarts=int(values["Restarts"]),
            exit_status=int(values["ExitCode"].partition(":")[0]),
            batch_host=values.get("BatchHost", ""),
        )

    def wait_for(self, number: int, *states: str, restarts: int = 0, within_s: float = 180.0) -> Job:
        """The job as soon as it is in one of these states and has been started again so often."""

        def is_there() -> bool:
            job = self.job(number)
            return job.state in states and job.restarts >= restarts

        wait_until(is_there, within_s=within_s, otherwise=lambda: f"not {states} but {self.job(number)}")
        return self.job(number)

    def serve(self, machine: Machine, stack: ExitStack) -> None:
        """Start the node's daemon, and wait until the controller has heard of it."""
        _start(machine, ["slurmd", "-D", "-N", machine.name], self, stack)
        wait_until(lambda: self.node_state(machine).startswith("idle"), otherwise=lambda: self.node_state(machine))

    def node_state(self, node: Machine) -> str:
        """`idle`, `alloc`, `down*` ..."""
        return self.run("sinfo", "--noheader", "-n", node.name, "-o", "%t").stdout.split("\n")[0]


def wait_until(
    condition: Callable[[], bool], *, within_s: float = 180.0, otherwise: Callable[[], object] = lambda: "in vain"
) -> None:
    """Look four times a second."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {within_s} s: {otherwise()}"
        time.sleep(0.25)


def missing_slurm() -> str:
    """Why there can be no Slurm here; empty if there can be one."""
    return missing(TOOLS)


@contextmanager
def run_slurm(machines: Sequence[Machine], folder: Path) -> Iterator[Slurm]:
    """A Slurm over these machines; it is gone afterwards.

    Args:
        folder: for settings, state and logs. Its path must be short: a socket lies in it.
    """
    controller, *nodes = machines
    with ExitStack() as stack:
        _authenticate(folder, stack)
        for node in nodes:  # as Debian's installer writes it
            hosts = NETNS / node.namespace / "hosts"
            hosts.write_text(f"127.0.1.1 {node.name}\n{hosts.read_text()}")
        lines = "\n".join(f"NodeName={node.name} CPUs=2" for node in nodes)
        settings = folder / "slurm.conf"
        settings.write_text(_SETTINGS.format(controller=controller, folder=folder, nodes=lines, grace_s=GRACE_S))
        (folder / "cgroup.conf").write_text(_CGROUP)
        (folder / "state").mkdir()
        environment = {"SLURM_CONF": str(settings)}
        slurm = Slurm(controller=controller, nodes=nodes, folder=folder, environment=environment)
        _start(controller, ["slurmctld", "-D"], slurm, stack)
        for node in nodes:
            slurm.serve(node, stack)
        yield slurm


def _authenticate(folder: Path, stack: ExitStack) -> None:
    """A munged for all machines: they share the file system, and with it the socket."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    private = folder / "munge"
    private.mkdir(mode=0o700)
    names = {"key-file": key, "pid-file": private / "pid", "log-file": private / "log", "seed-file": private / "seed"}
    options = [f"--{name}={path}" for name, path in names.items()]
    command = [_tool("munged"), "--foreground", "--force", f"--socket={folder}/munge.socket", *options]
    with (folder / "munged.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    stack.callback(process.wait)
    stack.callback(process.terminate)


def _start(machine: Machine, command: list[str], slurm: Slurm, stack: ExitStack) -> None:
    log = slurm.folder / f"{command[0]}-{machine.name}.log"
    with log.open("a") as file:
        process = machine.start(*command, env=slurm.environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)


def _tool(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path is not None
    return path

"""What is asked of Slurm's controller, by its commands."""

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from launch.slurm.decision import JobState, parse_job_state
from sharding.console import one_line
from trainer.config.errors import ConfigError

_PATIENCE_S = 60.0
"""A controller that is busy answers after half a minute; one that is down is asked again by Slurm's own commands."""
_OF_THE_CLUSTER = ("SLURM_CLUSTERS", "SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")
"""Variables by which commands find it, and are let in."""


class SlurmError(RuntimeError):
    """Slurm refused something, or does not answer. The message holds its own words."""


def require_slurm() -> None:
    """Raise ConfigError where Slurm's commands are not installed."""
    if shutil.which("sbatch") is None:
        remedy = "there is no `sbatch` on PATH here: run this on a login node of the cluster, or load its Slurm module."
        raise ConfigError("slurm", True, remedy)


def submit(script: Path) -> str:
    """Queue a script; the number of its job, which can get this process's variables. Raises SlurmError."""
    said = _ask("sbatch", "--parsable", str(script), environ=submission(os.environ))
    return said.split(";")[0].strip()  # `number;cluster`


def submission(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that sbatch prefers to what the script says, and those of a job around us."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("SBATCH_", "SLURM", "SRUN_")) or name in _OF_THE_CLUSTER
    }


def requeue(job: str) -> None:
    """End a running job, and queue it again. Raises SlurmError where that is switched off."""
    _ask("scontrol", "requeue", job)


def job_state(job: str) -> JobState:
    """How a job stands. Raises SlurmError."""
    return parse_job_state(_ask("scontrol", "show", "job", "--oneliner", job))


def queued_state(job: str) -> str:
    """How a job that waits or runs stands, e.g. `PENDING`; empty if there is none of this number any more."""
    return _in_queue(job, "%T")


def _in_queue(job: str, wanted: str) -> str:
    try:
        return _ask("squeue", "--noheader", f"--format={wanted}", f"--jobs={job}").strip()
    except SlurmError:  # its number is forgotten
        return ""


def queue_entry(job: str) -> str:
    """How a job stands and why, in words, e.g. `PENDING (Priority), start expected 2026-11-28T18:00:00`.

    Empty if there is none of this number any more, or nobody to ask: a controller that is down, a machine that does not
    belong to the cluster.
    """
    state, _, rest = one_line(_in_queue(job, "%T|%r|%S")).partition("|")
    reason, _, start = rest.partition("|")
    words = state if reason in ("", "None") else f"{state} ({reason})"
    return f"{words}, start expected {start}" if state == "PENDING" and start not in ("", "N/A") else words


def host_names(nodes: str) -> list[str]:
    """The names in a list as SLURM_JOB_NODELIST, e.g. `n[1-3,7]`. Raises SlurmError."""
    return _ask("scontrol", "show", "hostnames", nodes).split()


def own_address(node: str, others: Sequence[str]) -> str:
    """The address under which other nodes reach this one. Raises SlurmError, or OSError if a name is not known.

    A machine's own name is often 127.0.1.1 in its own `/etc/hosts`: then the address from which it would reach another.
    """
    address = address_of(node)
    return address_toward(address_of(others[0])) if others and ip_address(address).is_loopback else address


def address_toward(address: str) -> str:
    """This machine's address in the network of another. Sends nothing. Raises OSError where no way leads there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])


def address_of(node: str) -> str:
    """The address of a node, as it is seen here. Raises SlurmError, or OSError if its name is not known."""
    words = _ask("scontrol", "show", "node", "--oneliner", node).split()
    name = next((word.partition("=")[2] for word in words if word.startswith("NodeAddr=")), node)
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


def _ask(*command: str, environ: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SlurmError(f"{command[0]}: {error}") from error
    if done.returncode:
        said = one_line(done.stderr.decode(errors="replace").strip()) or f"exit status {done.returncode}"
        raise SlurmError(f"{command[0]}: {said}")
    return done.stdout.decode(errors="replace")

"""What runs on the hosts of a hostfile have in common, however their agents come there."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launch.hosts.host import Host, share_ranks
from launch.hosts.hostfile import read_hosts
from launch.hosts.num_procs import bounds_among
from launch.ranks.decisions import next_shares
from launch.ranks.job import Job, Restarts
from launch.ways.way import Request, Step
from sharding.console import command_line
from trainer.checkpoints.batch import kept_global_batch, settle_batch
from trainer.config.errors import ConfigError
from trainer.runs.batches import allowed_ranks, note_global_batch
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class Places:
    """Who takes part."""

    hosts: list[Host]
    """Those that get no rank at first are spares."""
    num_procs: tuple[int, int]
    """Ranks, at least and at most."""

    def ranks(self) -> dict[str, range]:
        """Host -> its ranks in the first attempt if all hosts are there; empty for spares."""
        shares = {share.host: share.ranks for share in share_ranks(self.hosts, num_ranks=self.num_procs[1])}
        return {host.name: shares.get(host.name, range(0)) for host in self.hosts}


def find_places(request: Request) -> Places:
    """What hostfile, selection and number of ranks make together. Raises ConfigError."""
    machines = request.machines
    if machines.hostfile is None:
        raise ConfigError("node_rank", machines.node_rank, "says which host of a hostfile this is: give --hostfile.")
    hosts = read_hosts(machines.hostfile, include=machines.include, exclude=machines.exclude)
    return Places(hosts=hosts, num_procs=bounds_among(hosts, machines.num_procs))


def make_job(request: Request, places: Places, run: RunDir) -> Job:
    """The job that trains `run` there. Notes and raises as `settled_job`."""
    again = command_line("diptych", "train", "--resume", run.path, *request.machines.to_words())
    return settled_job(run, request.config, places=places, max_restarts=request.machines.max_restarts, again=again)


def settled_job(run: RunDir, config: RunConfig, *, places: Places, max_restarts: int, again: str) -> Job:
    """A job on these hosts. Notes the run's global batch, which all attempts share.

    Args:
        again: as `Job.again`.

    Raises:
        ConfigError: no number of ranks that is possible there can share it.
    """

    def is_allowed(number: int) -> bool:
        return bool(allowed_ranks(config, global_batch=kept_global_batch(run), among=[number]))

    shares = next_shares(places.hosts, num_procs=places.num_procs, allowed=is_allowed)
    number = sum(share.num_ranks for share in shares) or places.num_procs[1]
    global_batch, _ = settle_batch(run, config, num_ranks=number)
    note_global_batch(run, global_batch)
    return Job(
        run=run.path,
        hosts=places.hosts,
        num_procs=places.num_procs,
        again=again,
        restarts=Restarts(limit=max_restarts),
        device=config.engine.device,
        allowed=is_allowed,
    )


def require_port(address: str, port: int, *, remedy: str) -> None:
    """Raise ConfigError unless this machine can listen there. Port 0 is any."""
    try:
        socket.create_server((address, port), family=_family(address)).close()
    except OSError as error:
        raise ConfigError("address", f"{address}:{port}", f"{error.strerror}: {remedy}") from error


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def visible_devices(host: Host) -> dict[str, str]:
    """The variable that shows its ranks only the GPUs that were chosen."""
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, host.devices))} if host.devices else {}


def describe_places(places: Places, commands: Sequence[str], texts: Sequence[str]) -> list[Step]:
    """What `--dry-run` tells of each host, in their order."""
    ranks = places.ranks()
    return [
        Step(host=host.name, command=command, ranks=ranks[host.name], text=text)
        for host, command, text in zip(places.hosts, commands, texts, strict=True)
    ]


def here() -> Path:
    """The current folder, by the name under which the user came there: hosts may have it by that name alone."""
    named, actual = Path(os.environ.get("PWD", "")), Path.cwd()
    return named if named.is_absolute() and named.exists() and named.samefile(actual) else actual

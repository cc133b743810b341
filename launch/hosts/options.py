"""Options that say on which machines a run is trained: the same for every command that starts ranks."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from launch.emit.options import EmitOptions
from launch.hosts.num_procs import NOT_ASKED, NUM_PROCS_ARGUMENT, NumProcs
from launch.on_ray.options import RayOptions
from launch.slurm.options import SlurmOptions
from trainer.config.bounds import AtLeast
from trainer.config.section import check_bounds

DEFAULT_PORT = 29400
_PORTS = AtLeast(1, "use 1 to 65535.", most=65535)


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Where the ranks are, and how they are started there."""

    num_procs: Annotated[NumProcs, NUM_PROCS_ARGUMENT] = NOT_ASKED
    """Ranks in all. 0: one for each GPU, one on a machine without any, every slot of a hostfile. MIN:MAX: as many as
    there are at the time; after a host is lost, training goes on with those that are left."""
    hostfile: Path | None = None
    """Train on the hosts of this file, over ssh: lines of `host slots=n`."""
    include: str = ""
    """Of the hostfile only these, e.g. `n1@n2:0,2`: all of n1, and slots 0 and 2 of n2."""
    exclude: str = ""
    """Of the hostfile all but these, written as for --include."""
    node_rank: Annotated[int | None, AtLeast(0, "use 0 for the first host.")] = None
    """Without ssh: start only the ranks of this host, the n-th of the hostfile, from 0. Each host gets the command."""
    master_port: Annotated[int, _PORTS] = DEFAULT_PORT
    """With --node-rank: where the first host listens for the others."""
    ssh_port: Annotated[int | None, _PORTS] = None
    """Of sshd on all hosts, if ssh's own configuration does not say it."""
    nodes: Annotated[int, AtLeast(0, "use 1 or more; 0 is not said.")] = 0
    """Machines that another system is to provide: with --emit and --slurm."""
    on_ray: Annotated[RayOptions, tyro.conf.arg(name="")] = field(default_factory=RayOptions)
    manifest: Annotated[EmitOptions, tyro.conf.arg(name="")] = field(default_factory=EmitOptions)
    env: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME")] = ()
    """One more variable of the environment that the other hosts get."""
    max_restarts: Annotated[int, AtLeast(0, "use 0 (never) or more.")] = 3
    """Restarts without a new checkpoint between them, after a process or a machine died."""
    slurm: Annotated[SlurmOptions, tyro.conf.arg(name="")] = field(default_factory=SlurmOptions)
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the configuration, and what would be started where; make, start and contact nothing."""

    @property
    def are_here(self) -> bool:
        """Whether ranks are started on this machine, whatever their number, and nothing else is asked for."""
        default = dict(leaves(Machines()))
        return all(value == default[name] for name, value in leaves(self) if name not in ("num_procs", "max_restarts"))

    def to_words(self) -> list[str]:
        """The flags that make these options, for another command."""
        default = dict(leaves(Machines()))
        words: list[str] = []
        for name, value in leaves(self):
            if value == default[name]:
                continue
            values = () if value is True else value if isinstance(value, tuple) else (value,)
            words += [flag_of(name)] if not values else []
            for each in values:
                words += [flag_of(name), str(each)]
        return words

    def check(self) -> None:
        """Raise ConfigError for a value that is out of its bounds."""
        check_bounds(self)


def leaves(options: Any) -> Iterator[tuple[str, object]]:
    """Each option's name and value, whichever group it is in."""
    for each in fields(options):
        value = getattr(options, each.name)
        if is_dataclass(value) and not isinstance(value, NumProcs):
            yield from leaves(value)
        else:
            yield each.name, value


def flag_of(name: str) -> str:
    """`num_procs` -> `--num-procs`."""
    return "--" + name.replace("_", "-")

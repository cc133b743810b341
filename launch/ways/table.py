"""All ways to start a run: which one is asked for, and what `--dry-run` tells of it."""

from launch.emit.way import EMIT
from launch.hosts.options import Machines, flag_of, leaves
from launch.on_ray.way import ON_RAY
from launch.slurm.submit import SLURM
from launch.ways.by_hand import BY_HAND
from launch.ways.here import HERE
from launch.ways.over_ssh import OVER_SSH
from launch.ways.way import Request, Way
from trainer.config.errors import ConfigError

WAYS: tuple[Way, ...] = (OVER_SSH, BY_HAND, SLURM, ON_RAY, EMIT)
"""Those that are asked for by a flag; without any, a run is trained on this machine."""


def choose_way(machines: Machines) -> Way:
    """The one that is asked for.

    Raises:
        ConfigError: two are asked for at once, or a flag means nothing to the one that is asked for.
    """
    asked = [way for way in WAYS if way.is_asked(machines)]
    if len(asked) > 1:
        first, second = asked[0].flag, asked[1].flag
        raise ConfigError(second, "", f"a run is trained either {asked[0].name} ({first}) or {asked[1].name}: choose.")
    way = asked[0] if asked else HERE
    _check_uses(way, machines)
    return way


def _check_uses(way: Way, machines: Machines) -> None:
    default = dict(leaves(Machines()))
    own = _own_fields(way)
    for name, value in leaves(machines):
        if value != default[name] and name not in way.uses | own | {"dry_run"}:
            users = [other.flag for other in (*WAYS, HERE) if name in other.uses | _own_fields(other) and other.flag]
            raise ConfigError(
                flag_of(name), _shown(value), f"means nothing {way.name}; it goes with {' or '.join(users)}."
            )


def _own_fields(way: Way) -> set[str]:
    """The one of its flag."""
    return {name for name, _ in leaves(Machines()) if flag_of(name) == way.flag}


def _shown(value: object) -> object:
    return str(value) if not isinstance(value, int) else value


def train_on_machines(request: Request) -> int:
    """Start the run as the options say, or tell how it would be. Returns the exit status.

    Raises:
        ConfigError: an impossible option.
        DatasetError: the data set is missing or damaged, or could not be made.
    """
    request.machines.check()
    way = choose_way(request.machines)
    way.check(request)
    if not request.machines.dry_run:
        return way.start(request)
    from launch.ways.dry_run import show

    show(request, way)
    return 0

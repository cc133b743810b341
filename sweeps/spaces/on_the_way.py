"""What can change while a run trains, as in population-based training: weights of losses, rates, gradient clipping."""

from sweeps.spaces.catalogue import GROUPS, fields_of, group_space
from sweeps.spaces.space import Space
from trainer.config.errors import ConfigError
from trainer.runs.changes import can_change
from trainer.runs.config import RunConfig

NAME = "on-the-way"
"""Of the space of all of it."""
_SECTIONS = ("optimizer.", "engine.gradient_clipping")
"""Of what a run that goes on can change, that which decides how it learns."""


def space_on_the_way(config: RunConfig) -> Space:
    """The domains of all that can change. Raises ConfigError if the configuration has nothing of it."""
    whole = group_space(GROUPS, config)
    domains = {path: domain for path, domain in whole.domains.items() if path in _changeable(config)}
    if not domains:
        raise ConfigError("space", None, "nothing of the preset can change on the way; use another --algorithm.")
    conditions = {path: only for path, only in whole.conditions.items() if path in domains}
    return Space(domains, {path: only for path, only in conditions.items() if only.keys() <= domains.keys()})


def check_on_the_way(space: Space, config: RunConfig) -> None:
    """Raises ConfigError, which names the path, for what a run decides once, at its beginning."""
    can = _changeable(config)
    for path, domain in space.domains.items():
        if path not in can:
            there_are = ", ".join(space_on_the_way(config).domains)
            reason = (
                f"is decided at a run's beginning, and pbt changes values on the way: {there_are}, or other rates. "
            )
            raise ConfigError("space", path, reason + "Leave it out with --vary PATH=DOMAIN, or use --algorithm tpe.")
        if path.startswith("method.") and 0 in domain.extremes:
            reason = "holds 0, which switches a part of the method off, and that cannot be on the way; begin above it."
            raise ConfigError("space", path, reason)


def _changeable(config: RunConfig) -> set[str]:
    return {
        entry.path
        for entry in fields_of(config)
        if (entry.searched is not None and entry.searched.group == "weights")
        or (entry.path.startswith(_SECTIONS) and can_change(entry.path))
    }

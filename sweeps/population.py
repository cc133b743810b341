"""population.json: who took over whose weights in population-based training, when, and with which values since.

It is written before anything of a decision is done, so that what a kill cut short is done again, and not decided anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sharding.storage.count import Count
from sharding.storage.files import write_atomically
from sharding.storage.records import MEBIBYTE, RecordError, checked, parse_json, read_record
from sharding.storage.typed import NO_OTHERS, adapter_of
from sweeps.plan import Sweep, SweepDir
from sweeps.spaces.overrides import Overrides, apply
from trainer.config.errors import ConfigError

_LARGEST = 64 * MEBIBYTE


@dataclass(frozen=True, kw_only=True)
class Exploit:
    """One trial gave its weights up for a better one's."""

    __pydantic_config__ = NO_OTHERS

    position: Count
    """Images that both had seen."""
    trial: str
    donor: str
    """The trial whose checkpoint it went on from."""
    values: dict[str, Any]
    """What it trains with since, by paths: the donor's, perturbed."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """All that was decided."""

    __pydantic_config__ = NO_OTHERS

    decided: Count = 0
    """Images after which trials were compared last."""
    exploits: list[Exploit] = field(default_factory=list)
    """In their order."""

    @property
    def newest(self) -> list[Exploit]:
        """Those of the last comparison, which may not have been carried out to the end."""
        return [exploit for exploit in self.exploits if exploit.position == self.decided]

    def values(self, planned: Mapping[str, Overrides]) -> dict[str, Overrides]:
        """What each trial trains with now. Args: planned: what each began with."""
        return dict(planned) | {exploit.trial: exploit.values for exploit in self.exploits}

    def schedule(self, trial: str, planned: Mapping[str, Overrides]) -> list[tuple[int, Overrides]]:
        """What the weights that a trial has now were trained with, whichever trials had them: position -> values.

        Returns:
            Images from which on, 0 first, and values.
        """
        found: list[tuple[int, Overrides]] = []
        for exploit in reversed(self.exploits):
            if exploit.trial == trial and (not found or exploit.position < found[-1][0]):
                found.append((exploit.position, exploit.values))
                trial = exploit.donor
        return [(0, planned[trial]), *reversed(found)]


def write_population(folder: SweepDir, population: Population) -> None:
    """Replace what is on record."""
    write_atomically(folder.population, adapter_of(Population).dump_json(population, indent=1))


def read_population(folder: SweepDir, sweep: Sweep) -> Population:
    """What was decided so far; nothing if there is no such file.

    Raises:
        ConfigError: it is damaged, or of another sweep.
    """
    path = folder.population
    try:
        population = checked(parse_json(read_record(path, most=_LARGEST)), Population)
    except FileNotFoundError:
        return Population()
    except RecordError as error:
        raise ConfigError("resume", str(path), f"is damaged: it {error}. Put a copy of it there.") from error
    for exploit in population.exploits:
        _check(exploit, sweep, str(path))
    return population


def planned_values(sweep: Sweep) -> dict[str, Overrides]:
    """What each trial begins with."""
    return {name: overrides or {} for name, overrides in sweep.trials().items()}


def _check(exploit: Exploit, sweep: Sweep, path: str) -> None:
    names, domains = sweep.trials(), sweep.search_space.domains
    for name in (exploit.trial, exploit.donor):
        if name not in names:
            raise ConfigError("resume", path, f"speaks of trial {name!r}, which sweep.json does not have.")
    for name, value in exploit.values.items():
        if name not in domains or value not in domains[name]:
            raise ConfigError("resume", path, f"has {name} = {value!r}, which is not in the space of sweep.json.")
    apply(sweep.config, exploit.values)

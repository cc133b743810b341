"""The forms that files of runs and sweeps have had: each file says which one it has.

A number goes up where former versions would read a file wrongly, or not at all; an entry that they can do without needs
no new one. Whatever form a file has, its reader sees the present one: there is no other place that knows a former form.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharding.storage.files import write_atomically
from sharding.storage.records import RecordError, parse_json
from trainer.config.errors import ConfigError

FORMAT_KEY = "format"

Record = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """The forms of one kind of file."""

    upgrades: tuple[Callable[[Record], Record], ...]
    """What makes a file of form 0 one of form 1, of form 1 one of form 2, and so on. Files of form 0 have no number."""

    @property
    def number(self) -> int:
        """The number of the present form."""
        return len(self.upgrades)

    def stamp(self, record: Record) -> Record:
        """The same, with the number of the present form, to be written."""
        return {FORMAT_KEY: self.number, **record}

    def write(self, path: Path, record: Record, *, durable: bool = True) -> None:
        """Put a record into a file, in the present form, whole or not at all (`write_atomically`). Raises OSError."""
        write_atomically(path, json.dumps(self.stamp(record), indent=1).encode(), durable=durable)

    def read(self, content: bytes, *, path: Path) -> Record:
        """A file as `upgrade` gives it. Raises as that, and RecordError if it is no JSON."""
        return self.upgrade(parse_json(content), path=path)

    def upgrade(self, record: Any, *, path: Path) -> Record:
        """What a file holds in the present form, whose number is among the entries.

        Raises:
            RecordError: it is no JSON object, or what stands for its number is none.
            ConfigError: a later version made it.
        """
        if not isinstance(record, dict):
            raise RecordError("is no JSON object")
        record = dict(record)
        found = record.pop(FORMAT_KEY, 0)
        if type(found) is not int or found < 0:
            raise RecordError(f"has {FORMAT_KEY} = {found!r}: it should be a whole number")
        if found > self.number:
            remedy = f"{path} was made by a later version of Diptych, and this one knows forms up to {self.number}"
            raise ConfigError(FORMAT_KEY, found, f"{remedy}: update Diptych.")
        for upgrade in self.upgrades[found:]:
            record = upgrade(record)
        return self.stamp(record)


def _as_it_is(record: Record) -> Record:
    """The same: there were no numbers, and nothing else was otherwise."""
    return record


_HOMES = {
    "metrics_kimg": ("log", "period_kimg"),
    "samples_kimg": ("samples", "period_kimg"),
    "num_samples": ("samples", "num_rows"),
    "evaluate_kimg": ("evaluate", "period_kimg"),
    "checkpoint_kimg": ("checkpoint", "period_kimg"),
    "keep_checkpoints": ("checkpoint", "keep"),
    "keep_best": ("checkpoint", "keep_best"),
}
"""Where what was in the section `log` is now: section and field."""


def _log_in_four(record: Record) -> Record:
    """One section held all that a run writes. What is no section here is left to whoever checks the configuration."""
    config = record.get("config")
    if not isinstance(config, dict) or not isinstance(config.get("log"), dict):
        return record
    sections: dict[str, Record] = {"log": {}, "samples": {}, "evaluate": {}, "checkpoint": {}}
    for name, value in config["log"].items():
        section, field = _HOMES.get(name, ("log", name))
        sections[section][field] = value
    return record | {"config": config | sections}


def _nothing_held_out(record: Record) -> Record:
    """Runs trained on all of the training split, and go on so."""
    return record | {"held_out": {}}


def _dropout_where_it_was(record: Record) -> Record:
    """U-Nets had dropout in levels of full width only: of five levels in one, of four in none."""
    config = record.get("config")
    if not isinstance(config, dict) or not isinstance(config.get("method"), dict):
        return record
    method = {name: _with_dropout_where_it_was(section) for name, section in config["method"].items()}
    return record | {"config": config | {"method": method}}


def _with_dropout_where_it_was(section: Any) -> Any:
    """The same section of a generator. What is none, or has no such numbers, is left to whoever checks it."""
    if not isinstance(section, dict) or section.get("architecture") != "unet":
        return section
    if type(downs := section.get("num_downs")) is not int:
        return section
    levels = min(3, downs - 4)  # the three innermost, of those from the fifth on
    return section | ({"dropout_levels": levels} if levels > 0 else {"dropout": 0.0})


def _by_split(record: Record) -> Record:
    """The splits were all that there was."""
    return {"splits": record}


def _with_nothing_noted(record: Record) -> Record:
    """What the user had asked of a sweep's preset was not written down."""
    return {**record, "asked": None}


def _losses_by_full_keys(record: Record) -> Record:
    """Sums of losses since the last line lacked the `loss/` that their keys have in metrics."""
    ranks = record.get("ranks")
    return record | {"ranks": [_with_full_keys(rank) for rank in ranks]} if isinstance(ranks, list) else record


def _with_full_keys(rank: Any) -> Any:
    """The same state of a rank. What is none is left to whoever checks it."""
    if not isinstance(rank, dict) or not isinstance(rank.get("meter"), dict):
        return rank
    sums = {
        name: {f"loss/{key}": value for key, value in values.items()} if isinstance(values, dict) else values
        for name, values in rank["meter"].items()
    }
    return rank | {"meter": sums}


def _decay_of_its_own(record: Record) -> Record:
    """RMSProp took `beta2` for its decay, and clipped critics were trained with momentum. Runs go on so."""
    config = record.get("config")
    optimizer = config.get("optimizer") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(optimizer, dict):
        return record
    own: Record = {}
    if optimizer.get("algorithm") == "rmsprop":
        own["rmsprop_decay"] = optimizer.get("beta2", 0.999)
    elif _clips(config.get("method")):
        own["clipped_momentum"] = True
    return record | {"config": config | {"optimizer": optimizer | own}}


def _clips(section: Any) -> bool:
    """Whether the weights of a critic are clipped, wherever in a section that stands."""
    if not isinstance(section, dict):
        return False
    return bool(section.get("weight_clip")) or any(_clips(part) for part in section.values())


RUN = Format((_log_in_four, _nothing_held_out, _dropout_where_it_was, _decay_of_its_own))
STATE = Format((_as_it_is, _losses_by_full_keys))
EVALUATION = Format((_by_split,))
EARLY_STOP = Format((_as_it_is,))
SWEEP = Format((_log_in_four, _with_nothing_noted, _dropout_where_it_was, _decay_of_its_own))
STATUS = Format((_as_it_is,))
STUDY = Format((_as_it_is,))
MTURK = Format((_as_it_is,))

"""What the doctor noticed of a run, as its report tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.doctor.alarms import ALARMS, PREFIX, Alarm


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """An alarm, and when it was told."""

    alarm: Alarm
    positions: list[int]
    """Images that had been seen."""


def noticed(metrics: Sequence[Mapping[str, Any]]) -> list[Noticed]:
    """In the order of the table of alarms; names that it has not are left out, as those of a later version."""
    found: dict[str, list[int]] = {}
    for line in metrics:
        for key in line:
            if key.startswith(PREFIX):
                found.setdefault(key.removeprefix(PREFIX), []).append(line["position"])
    return [Noticed(alarm=alarm, positions=found[name]) for name, alarm in ALARMS.items() if name in found]

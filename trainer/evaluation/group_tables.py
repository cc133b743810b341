"""Scores of groups as a table: a line for each value of a label. Imports no torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from trainer.evaluation.scores import find

_EVAL = "eval/"
_MOST_VALUES = 500
"""Of a label; a stranger's file may hold any number."""


@dataclass(frozen=True, kw_only=True)
class GroupTable:
    """What console and report show of the groups of one label."""

    label: str
    titles: list[str]
    """Of the columns: the label, the number of images, each score of translations that is no detail."""
    rows: list[list[str]]


def _cell(group: Mapping[str, Any], name: str) -> str:
    """A score and, in brackets, the ends of its interval."""
    score, ends = find(name), group.get("intervals", {}).get(f"{_EVAL}{name}")
    shown = score.show(group["scores"].get(f"{_EVAL}{name}"))
    return shown if ends is None else f"{shown} ({score.show_ends(ends)})"


def group_tables(groups: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[GroupTable]:
    """A table of each label, of what evaluation.json holds of groups."""
    for label, by_value in groups.items():
        every = dict.fromkeys(key for group in by_value.values() for key in group["scores"] if key.startswith(_EVAL))
        names = [name for key in every if not (find(name := key.removeprefix(_EVAL))).is_detail]
        rows = [
            [
                value,
                str(group["num_images"]),
                *(_cell(group, name) for name in names),
            ]
            for value, group in islice(by_value.items(), _MOST_VALUES)
        ]
        yield GroupTable(label=label, titles=[label, "images", *(find(name).heading for name in names)], rows=rows)

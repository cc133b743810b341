"""JSON of others: what Python's reader lets pass in silence is told, and nothing makes it compute without end."""

import json
import math
from typing import Any, NoReturn

_LONGEST_INTEGER = 18
"""Digits: beyond any number that is written here. One of a thousand digits is no float, and stops who counts on it."""


def load_json(content: bytes) -> tuple[Any, list[str]]:
    """The value of JSON in UTF-8, and what no careful writer would have written: a name twice, numbers that are none.

    Raises:
        ValueError: it is no JSON, or nested too deep; the message says where, in a few words.
    """
    told = _Told()
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=told.as_object,
            parse_int=told.as_integer,
            parse_float=told.as_number,
            parse_constant=told.as_constant,
        )
    except RecursionError:
        _refuse("lists or objects lie too deep within each other")
    except UnicodeDecodeError as error:
        _refuse(f"it is no UTF-8 ({error.reason} at byte {error.start})")
    return value, told.problems


class _Told:
    """Makes the values that Python's reader finds, and notes what it would let pass."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def as_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            self.problems.append(f"an object has the entry {twice[:80]!r} twice; leave one")
        return value

    def as_number(self, digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            self.problems.append(f"the number {digits[:80]} is out of range")
        return number

    def as_integer(self, digits: str) -> int | float:
        return int(digits) if len(digits) <= _LONGEST_INTEGER else self.as_number(digits)

    def as_constant(self, name: str) -> float:
        self.problems.append(f"{name} is no number of JSON")
        return float(name)


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason) from None

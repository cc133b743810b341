"""JSON of others: what Python's reader lets pass in silence is told."""

import json
import math
from typing import Any, NoReturn


def load_json(content: bytes) -> tuple[Any, list[str]]:
    """The value, and what no careful writer would have written: names that are there twice, numbers that are none.

    Raises:
        ValueError: it is no JSON, or nested too deep; the message says where, in a few words.
    """
    problems: list[str] = []

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            problems.append(f"an object has the entry {twice[:80]!r} twice; leave one")
        return value

    def as_number(digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            problems.append(f"the number {digits[:80]} is out of range")
        return number

    def as_constant(name: str) -> float:
        problems.append(f"{name} is no number of JSON")
        return float(name)

    try:
        value = json.loads(content, object_pairs_hook=as_object, parse_float=as_number, parse_constant=as_constant)
    except RecursionError:
        _refuse("lists or objects lie too deep within each other")
    except UnicodeDecodeError as error:
        _refuse(f"it is no UTF-8 ({error.reason} at byte {error.start})")
    return value, problems


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason) from None

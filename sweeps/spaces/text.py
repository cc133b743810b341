"""Domains as they are written on the command line and kept in sweep.json: `log:1..100`, `add,concatenate`.

LOW..HIGH         real numbers, or whole ones where the field has them or `int:` stands before
log:LOW..HIGH     each factor of ten as likely as the next
LOW..HIGH/4       either, in four steps where a grid is searched
A,B,C             one of these; a list of JSON where values have commas or are no words: ["a,b", null]
"""

import json
import re
from typing import Any

from trainer.config.domains import Choice, Domain, Integers, LogUniform, Uniform

_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(?:(?P<kind>log|int):)?(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})(?:/(?P<steps>\d+))?")


def parse_domain(text: str, *, whole: bool = False) -> Domain:
    """What a text means.

    Args:
        whole: whether the field has whole numbers, so that `int:` may be left out.

    Raises:
        ValueError: it means nothing; says why.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        return Choice(*_values(text))
    steps = int(found["steps"]) if found["steps"] else None
    if found["kind"] == "int" or (whole and not found["kind"]):
        if steps is not None:
            raise ValueError(f"{text}: whole numbers are their own steps; write LOW..HIGH, or a,b,c.")
        return Integers(int(found["low"]), int(found["high"]))
    low, high = float(found["low"]), float(found["high"])
    return LogUniform(low, high, steps) if found["kind"] else Uniform(low, high, steps)


def show_domain(domain: Domain) -> str:
    """The text that means a domain, for any field. Raises TypeError for a kind of domain that has none."""
    match domain:
        case Choice():
            return json.dumps(list(domain.values))
        case Integers():
            return f"int:{domain.low}..{domain.high}"
        case LogUniform():
            return f"log:{domain.low!r}..{domain.high!r}{_steps(domain.num_steps)}"
        case Uniform():
            return f"{domain.low!r}..{domain.high!r}{_steps(domain.num_steps)}"
    raise TypeError(f"{type(domain).__name__} has no text: use Uniform, LogUniform, Integers or Choice.")


def _steps(num: int | None) -> str:
    return "" if num is None else f"/{num}"


def _values(text: str) -> list[Any]:
    text = text.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{text}: is no list of JSON: {error}.") from None
    return [_value(part.strip()) for part in text.split(",")]


def _value(text: str) -> Any:
    """A number, true, false or null as JSON has them (and Python writes them), else a word."""
    try:
        return json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
    except json.JSONDecodeError:
        return text

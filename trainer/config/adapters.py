"""pydantic's readers and writers of sections, each of which takes milliseconds to make: made once."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter


@cache
def adapter_of(kind: type) -> TypeAdapter[Any]:
    """What reads and writes values of a class as plain JSON values."""
    return TypeAdapter(kind)

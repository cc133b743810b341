"""pydantic's readers and writers of sections, each of which takes milliseconds to make: made once."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from trainer.config.errors import first_error

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_Kind = TypeVar("_Kind")


@cache
def adapter_of(kind: type) -> "TypeAdapter[Any]":
    """What reads and writes values of a class as plain JSON values."""
    from pydantic import TypeAdapter  # a tenth of a second

    return TypeAdapter(kind)


def read_values(kind: type[_Kind], values: Mapping[str, Any], *, within: str = "") -> _Kind:
    """A section from plain JSON values.

    Args:
        within: the section that is read, if it is not the whole configuration.

    Raises:
        ConfigError: naming the first field that is unknown, missing or impossible.
    """
    from pydantic import ValidationError

    try:
        return adapter_of(kind).validate_python(values)
    except ValidationError as error:
        raise first_error(error, within=within) from error

"""Sections read from plain JSON values, with errors that name the field."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sharding.storage.typed import adapter_of
from trainer.config.errors import first_error

_Kind = TypeVar("_Kind")


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

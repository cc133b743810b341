"""How a field is read from JSON and written to it where its type does not say that; without loading pydantic.

A wrong command line is answered before anything is stored: pydantic, which takes a tenth of a second, comes later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema


@dataclass(frozen=True)
class Stored:
    """Stands in the annotation of a field. Its functions take what JSON holds, and the value of the field."""

    read: Callable[[Any], Any]
    """May raise ConfigError."""
    write: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> "CoreSchema":
        from pydantic_core import core_schema

        writer = core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.no_info_plain_validator_function(self.read, serialization=writer)

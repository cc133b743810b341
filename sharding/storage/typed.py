"""What JSON files of ours may hold, said in types; pydantic, which checks it, is loaded with the first file.

It takes a tenth of a second, which a mistake on the command line and `--help` do not wait for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core.core_schema import CoreSchema

NO_OTHERS: Mapping[str, str] = {"extra": "forbid"}
"""As `__pydantic_config__` of a dataclass: entries that no field stands for are an error."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Stands in the annotation of a field for what pydantic's `Field` says of it, and is called as its arguments are.

    In the form of `annotated_types.GroupedMetadata`, which pydantic takes apart.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    allow_inf_nan: bool | None = None

    @property
    def __is_annotated_types_grouped_metadata__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        from pydantic import Field

        said: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        yield from Field(**{name: value for name, value in said.items() if value is not None}).metadata


@dataclass(frozen=True)
class After:
    """Stands in the annotation of a field for a function that gets its value, and gives another or raises."""

    function: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: object, handler: "Callable[[object], CoreSchema]") -> "CoreSchema":
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.function, handler(source))


@cache
def adapter_of(kind: type) -> "TypeAdapter[Any]":
    """What reads and writes values of a class as plain JSON values; it takes milliseconds to make, and is made once."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)

"""Types of stored values refuse what pydantic's own words refuse, and load pydantic only when they are asked."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from sharding.storage.typed import NO_OTHERS, After, Limits, adapter_of


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("is odd")
    return number


@dataclass(frozen=True)
class Stored:
    __pydantic_config__ = NO_OTHERS

    number: Annotated[int, Limits(ge=0, lt=9), After(_even)] | None = None


@pytest.mark.parametrize(
    ("kind", "limits", "wrong"),
    [
        (int, {"ge": 0, "le": 2**53}, -1),
        (float, {"gt": 0, "lt": 1}, 1.0),
        (float, {"allow_inf_nan": False}, float("nan")),
        (str, {"max_length": 3}, "long"),
        (list[int], {"min_length": 1}, []),
        (str, {"pattern": r"\A[0-9a-f]{4}\z"}, "xyzw"),
    ],
)
def test_limits_refuse_what_fields_refuse_in_the_same_words(kind: Any, limits: dict[str, Any], wrong: Any) -> None:
    said = []
    for extra in (Limits(**limits), Field(**limits)):
        with pytest.raises(ValidationError) as failure:
            TypeAdapter(Annotated[kind, extra]).validate_python(wrong)
        said.append(failure.value.errors(include_url=False)[0] | {"input": None})
    assert said[0] == said[1]


def test_what_is_read_is_checked_by_functions_and_holds_nothing_else() -> None:
    adapter = adapter_of(Stored)
    assert adapter is adapter_of(Stored)
    assert adapter.validate_python({"number": 4}) == Stored(4)
    for wrong in ({"number": 5}, {"number": 10}, {"number": 4, "other": 1}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)

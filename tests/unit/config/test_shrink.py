"""How sections become small: by their numbers, or as they say themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import pytest

from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig
from trainer.config.shrink import shrink, shrink_fields
from trainer.methods.registry import config_class, method_names

MOST = {"num_filters": 4, "num_downs": 2}


@dataclass(frozen=True, kw_only=True)
class Codebook:
    """A section whose two numbers belong together."""

    num_filters: int = 64
    num_entries: int = 4096

    def small(self, most: Mapping[str, float]) -> Self:
        """So many entries as squared filters."""
        smaller = shrink_fields(self, most)
        return replace(smaller, num_entries=smaller.num_filters**2)


@dataclass(frozen=True, kw_only=True)
class Quantised(MethodConfig):
    """A method with a section that shrinks in its own way."""

    name: str = "quantised"
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    codebook: Codebook = field(default_factory=Codebook)


def test_numbers_fall_to_the_limits_in_whatever_depth() -> None:
    small = shrink(Quantised(), MOST)
    assert small.generator == GeneratorConfig(num_filters=4, num_downs=2)
    assert shrink(Quantised(generator=GeneratorConfig(num_filters=3, num_downs=2)), MOST).generator.num_filters == 3


def test_a_section_says_itself_how_it_shrinks() -> None:
    assert shrink(Quantised(), MOST).codebook == Codebook(num_filters=4, num_entries=16)


@pytest.mark.parametrize("name", method_names())
def test_every_method_becomes_smaller(name: str) -> None:
    own = config_class(name)()
    small = own.small({"num_filters": 4})
    assert type(small) is type(own)
    assert small != own
    assert own.small({}) == own

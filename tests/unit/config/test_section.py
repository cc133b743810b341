"""Bounds at the fields: checked wherever a configuration comes from, and named by where the field stands."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf, nan
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import pytest
import tyro

from launch.run_options import TrainOptions
from sweeps.spaces.overrides import apply
from trainer.config.bounds import AtLeast, Bound, MoreThan, NumberOrOff
from trainer.config.errors import ConfigError, require
from trainer.config.networks import GeneratorConfig
from trainer.config.section import Section, check_section
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.registry import config_class, method_names
from trainer.presets import DEFAULT, load_preset
from trainer.runs.config import RunConfig, config_from_dict, config_to_dict

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True)
class Part(Section):
    weight: NumberOrOff = 1.0
    sides: Annotated[tuple[int, int] | int | None, AtLeast(4, "use 4 or more.")] = None

    def check_fields(self) -> None:
        require(self.weight != 3, "weight", self.weight, "use another.")


@dataclass(frozen=True, kw_only=True)
class Whole(Section):
    first: Part = field(default_factory=Part)
    second: Part = field(default_factory=Part)


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (Whole(second=Part(weight=-1.0)), r"^second\.weight = -1\.0: use 0 \(off\) or more\.$"),
        (Whole(first=Part(sides=(8, 3))), r"^first\.sides = \(8, 3\): use 4"),
        (Whole(first=Part(sides=3)), r"^first\.sides = 3: use 4"),
        (Whole(first=Part(weight=3), second=Part(weight=-1.0)), r"^first\.weight = 3: use another"),
        (Whole(first=Part(weight=nan)), r"^first\.weight = nan: "),
        (Whole(first=Part(weight=inf)), r"^first\.weight = inf: "),
    ],
)
def test_the_same_section_is_named_by_where_it_stands(whole: Whole, message: str):
    with pytest.raises(ConfigError, match=message):
        check_section(whole)
    with pytest.raises(ConfigError, match=message.replace("^", r"^at\.it\.")):
        check_section(whole, "at.it")


def test_what_is_possible_passes():
    check_section(Whole(first=Part(weight=0.0, sides=(4, 5)), second=Part(sides=4)))


@pytest.mark.parametrize(
    ("bound", "holding", "failing"),
    [
        (AtLeast(1, ""), (1, 10**9), (0, -1, 0.999)),
        (AtLeast(0, "", most=1), (0, 0.5, 1), (-0.1, 1.1)),
        (AtLeast(0, "", below=1), (0, 0.999), (1, -1)),
        (MoreThan(0, ""), (1e-9, 5), (0, -1)),
        (MoreThan(0, "", most=32), (32,), (0, 33)),
    ],
)
def test_bounds_compare(bound: Bound, holding: tuple[float, ...], failing: tuple[float, ...]):
    assert all(bound.fits(value) for value in holding)
    assert not any(bound.fits(value) for value in (*failing, inf, -inf, nan))


def by_command_line() -> RunConfig:
    options = TrainOptions(config=load_preset(DEFAULT))
    return tyro.cli(TrainOptions, args=["--method.generator.num-filters", "0"], default=options).config


def by_file() -> RunConfig:
    values = config_to_dict(load_preset(DEFAULT))
    values["method"]["generator"]["num_filters"] = 0
    return config_from_dict(values)


def by_override() -> RunConfig:
    return apply(load_preset(DEFAULT), {"method.generator.num_filters": 0})


def by_preset() -> RunConfig:
    preset: Any = load_preset(DEFAULT)
    return replace(preset, method=replace(preset.method, generator=GeneratorConfig(num_filters=0)))


@pytest.mark.parametrize("make", [by_command_line, by_file, by_override, by_preset])
def test_every_way_to_a_configuration_is_checked(make: Callable[[], RunConfig]):
    with pytest.raises(ConfigError, match=r"^method\.generator\.num_filters = 0: use 1 or more\.$"):
        make()


def test_a_part_of_any_name_is_named_by_it():
    encoder = replace(BiGANConfig().encoder, num_filters=0)
    with pytest.raises(ConfigError, match=r"^method\.encoder\.num_filters = 0: "):
        check_section(replace(BiGANConfig(), encoder=encoder), "method")


def sections() -> set[type[Section]]:
    """All that a configuration can hold."""
    found: set[type[Section]] = {RunConfig, *(config_class(name) for name in method_names())}
    waiting = list(found)
    while waiting:
        inside = [hint for hint in get_type_hints(waiting.pop()).values() if isinstance(hint, type)]
        new = {hint for hint in inside if issubclass(hint, Section)} - found
        found |= new
        waiting += new
    return found


def bounds_inside(hint: Any) -> bool:
    return any(isinstance(extra, Bound) or bounds_inside(extra) for extra in get_args(hint))


def test_no_bound_stands_where_it_is_not_looked_for():
    """`Annotated[int, AtLeast(...)] | None` would be passed over; `Annotated[int | None, AtLeast(...)]` is not."""
    kinds = sections()
    assert len(kinds) >= 30
    for kind in kinds:
        for name, hint in get_type_hints(kind, include_extras=True).items():
            assert not bounds_inside(get_args(hint)[0] if get_args(hint) else None), f"{kind.__name__}.{name}"


def test_help_shows_no_bounds(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        tyro.cli(TrainOptions, args=["--help"], default=TrainOptions(config=load_preset(DEFAULT)))
    said = capsys.readouterr().out
    assert "--method.weight-l1 FLOAT" in said
    assert not [word for word in ("AtLeast", "MoreThan", "Annotated", "Bound") if word in said]

"""Search spaces: overrides by dotted path, checked against the configuration before anything starts."""

import re
from collections import Counter
from math import log10

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch.starting import parse_train
from sweeps.spaces.overrides import (
    Choice,
    LogUniform,
    Uniform,
    apply,
    as_flags,
    check_space,
    choose_space,
    draw,
    load_space,
    own_values,
)
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset, preset_names
from trainer.runs.config import changed

CONFIG = load_preset(DEFAULT)

PIX2PIX = [name for name in preset_names() if load_preset(name).method.name == "pix2pix"]
"""The method that the spaces are of."""


def test_apply_changes_what_is_named_and_nothing_else() -> None:
    overrides = {"method.weight_l1": 12.5, "method.generator.skips": "add", "data.path": "elsewhere"}
    config = apply(CONFIG, overrides)
    assert config.method.weight_l1 == 12.5
    assert config.method.generator.skips == "add"
    assert changed(config, since=CONFIG) == overrides
    assert changed(CONFIG, since=CONFIG) == {}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "method.weight_11",
            1.0,
            "method.weight_11 = 1.0: the configuration has no such field; did you mean method.weight_l1",
        ),
        ("method.generator", "unet", "is a section; its fields: method.generator.architecture"),
        ("nonsense", 1, "nonsense = 1: the configuration has no such field"),
        ("method.weight_l1", -1.0, "method.weight_l1 = -1.0: use 0 (off) or more"),
        ("method.weight_l1", "much", "method.weight_l1 = 'much'"),
        ("method.generator.skips", "multiply", "method.generator.skips = 'multiply'"),
        # Fields that contradict each other: 128 px cannot be halved 12 times.
        ("method.generator.num_downs", 12, "data.crop_size = 128: must be a multiple of 4096"),
    ],
)
def test_apply_names_the_field_at_fault(path: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        apply(CONFIG, {path: value})


@pytest.mark.parametrize("preset", PIX2PIX)
@pytest.mark.parametrize("space", ["l1-skips", "optimizer"])
def test_every_space_suits_every_preset(space: str, preset: str) -> None:
    check_space(load_space(space), load_preset(preset))
    assert "train.total_kimg" not in load_space(space), "rungs are fractions of one common length"


def test_momentum_is_not_searched_where_rmsprop_has_none() -> None:
    """Trials that differ in it alone would be the same."""
    dualgan, cyclegan = load_preset("unpaired-dualgan"), load_preset("unpaired-cyclegan")
    assert (choose_space(None, dualgan), choose_space(None, cyclegan)) == ("rmsprop", "optimizer")
    message = (
        r"'optimizer': changes optimizer\.beta1, which optimizer\.algorithm = 'rmsprop' does not have; use rmsprop"
    )
    with pytest.raises(ConfigError, match=message):
        choose_space("optimizer", dualgan)
    with pytest.raises(ConfigError, match=r"optimizer\.rmsprop_decay, which optimizer\.algorithm = 'adam' does not"):
        choose_space("rmsprop", cyclegan)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"method.weight": LogUniform(1, 10)}, "method.weight ="),
        ({"method.weight_l1": Uniform(-1, 10)}, "method.weight_l1 = -1"),
        ({"optimizer.beta1": Uniform(0.5, 1.0)}, "optimizer.beta1 = 1.0"),
        ({"method.generator.skips": Choice("add", "multiply")}, "method.generator.skips = 'multiply'"),
        # Each is possible by itself.
        ({"data.crop_size": Choice(128, 64), "data.load_size": Choice(143, 64)}, "data.load_size = 64"),
    ],
)
def test_an_impossible_space_is_found_before_it_is_searched(space: dict, message: str) -> None:
    config = apply(CONFIG, {"method.generator.num_downs": 5})
    with pytest.raises(ConfigError, match=re.escape(message)):
        check_space(space, config)


def test_an_unknown_space_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"space = 'l1': there are: l1-skips, optimizer"):
        load_space("l1")


@pytest.mark.parametrize("make", [lambda: Uniform(2, 1), lambda: LogUniform(0, 1), lambda: Choice("alone")])
def test_an_empty_domain_cannot_be_written_down(make) -> None:
    with pytest.raises(ValueError, match=r"\d|alone"):
        make()


def test_the_presets_own_values_are_tried_only_if_the_space_holds_them() -> None:
    space = {"method.weight_l1": LogUniform(10, 1000), "method.generator.skips": Choice("concatenate", "none")}
    assert own_values(space, CONFIG) == {"method.weight_l1": 100.0, "method.generator.skips": "concatenate"}
    assert own_values(space, apply(CONFIG, {"method.weight_l1": 1.0})) is None
    assert own_values(space, apply(CONFIG, {"method.generator.skips": "add"})) is None


@given(num=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_draws_cover_a_space_evenly(num: int, seed: int) -> None:
    space = {"u": Uniform(-1, 3), "log": LogUniform(10, 1000), "choice": Choice("x", "y", "z")}
    drawn = draw(space, num=num, seed=seed)
    assert len(drawn) == num
    assert all(point[path] in domain for point in drawn for path, domain in space.items())
    counts = Counter(point["choice"] for point in drawn)
    assert max(counts.values()) - min(counts[name] for name in "xyz") <= 1
    # One in each part; rounding to three digits may put a value on the border of its part.
    for fractions in ([(point["u"] + 1) / 4 for point in drawn], [log10(point["log"] / 10) / 2 for point in drawn]):
        assert [round(fraction * num - 0.5) for fraction in sorted(fractions)] == pytest.approx(range(num), abs=1)


def test_draws_are_repeatable_and_follow_the_seed() -> None:
    space = load_space("l1-skips")
    assert draw(space, num=5, seed=1) == draw(space, num=5, seed=1)
    assert draw(space, num=5, seed=1) != draw(space, num=5, seed=2)


@settings(max_examples=20, deadline=None)
@given(
    weight=st.floats(0, 1e6),
    skips=st.sampled_from(["concatenate", "add", "none"]),
    flip=st.booleans(),
    group=st.sampled_from([None, "a group", "$HOME"]),
)
def test_flags_mean_to_the_command_line_what_overrides_mean_to_a_sweep(weight, skips, flip, group) -> None:
    overrides = {
        "method.weight_l1": weight,
        "method.generator.skips": skips,
        "data.flip": flip,
        "log.wandb_group": group,
    }
    _, options = parse_train([DEFAULT, *as_flags(overrides)], prog="diptych train")
    assert options.config == apply(load_preset(DEFAULT), overrides)

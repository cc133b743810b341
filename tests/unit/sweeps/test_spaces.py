"""Search spaces: overrides by dotted path, checked against the configuration before anything starts."""

import re
from collections import Counter
from math import log10

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch.run_options import parse_train
from sweeps.spaces.catalogue import FIXED
from sweeps.spaces.overrides import apply, as_flags
from sweeps.spaces.space import Space, check_space, draw, grid, own_values
from sweeps.spaces.text import parse_domain, show_domain
from trainer.config.domains import Choice, Domain, Integers, LogUniform, Uniform
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
def test_the_space_of_pix2pix_suits_its_presets(preset: str) -> None:
    check_space(FIXED["l1-skips"], load_preset(preset))


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
def test_an_impossible_space_is_found_before_it_is_searched(space: dict[str, Domain], message: str) -> None:
    config = apply(CONFIG, {"method.generator.num_downs": 5})
    with pytest.raises(ConfigError, match=re.escape(message)):
        check_space(Space(space), config)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(2, 1),
        lambda: Uniform(1, 2, 1),
        lambda: LogUniform(0, 1),
        lambda: Integers(3, 3),
        lambda: Choice("alone"),
        lambda: Choice("x", "y", "x"),
    ],
)
def test_an_empty_domain_cannot_be_written_down(make) -> None:
    with pytest.raises(ValueError, match=r"\d|alone|different"):
        make()


def test_the_presets_own_values_are_tried_only_if_the_space_holds_them() -> None:
    space = Space({"method.weight_l1": LogUniform(10, 1000), "method.generator.skips": Choice("concatenate", "none")})
    assert own_values(space, CONFIG) == {"method.weight_l1": 100.0, "method.generator.skips": "concatenate"}
    assert own_values(space, apply(CONFIG, {"method.weight_l1": 1.0})) is None
    assert own_values(space, apply(CONFIG, {"method.generator.skips": "add"})) is None


@given(num=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_draws_cover_a_space_evenly(num: int, seed: int) -> None:
    domains = {"u": Uniform(-1, 3), "log": LogUniform(10, 1000), "choice": Choice("x", "y", "z"), "int": Integers(1, 4)}
    drawn = draw(Space(domains), num=num, seed=seed)
    assert len(drawn) == num
    assert all(point[path] in domain for point in drawn for path, domain in domains.items())
    counts = Counter(point["choice"] for point in drawn)
    assert max(counts.values()) - min(counts[name] for name in "xyz") <= 1
    # One in each part; rounding to three digits may put a value on the border of its part.
    for fractions in ([(point["u"] + 1) / 4 for point in drawn], [log10(point["log"] / 10) / 2 for point in drawn]):
        assert [round(fraction * num - 0.5) for fraction in sorted(fractions)] == pytest.approx(range(num), abs=1)


def test_draws_are_repeatable_and_follow_the_seed() -> None:
    space = FIXED["l1-skips"]
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


ARCHITECTURES = Space(
    {"skips": Choice("add", "none"), "blocks": Integers(6, 7), "architecture": Choice("unet", "resnet")},
    {"skips": {"architecture": ("unet",)}, "blocks": {"architecture": ("resnet",)}},
)


def test_what_has_no_effect_beside_another_value_is_left_out() -> None:
    drawn = draw(ARCHITECTURES, num=8, seed=0)
    assert {tuple(point) for point in drawn} == {("skips", "architecture"), ("blocks", "architecture")}
    assert all(("skips" in point) == (point["architecture"] == "unet") for point in drawn)


def test_a_grid_has_every_combination_once() -> None:
    cells = grid(ARCHITECTURES)
    assert cells == [
        {"skips": "add", "architecture": "unet"},
        {"blocks": 6, "architecture": "resnet"},
        {"blocks": 7, "architecture": "resnet"},
        {"skips": "none", "architecture": "unet"},
    ]
    own = {"skips": "none", "architecture": "unet"}
    assert grid(ARCHITECTURES, first=own) == [own, *(cell for cell in cells if cell != own)]
    assert grid(Space({"w": LogUniform(1, 100, 3), "c": Choice("x", "y")}))[::2] == [
        {"w": 1.0, "c": "x"},
        {"w": 10.0, "c": "x"},
        {"w": 100.0, "c": "x"},
    ]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (Space({"w": Uniform(1, 2)}), "vary = 'w': a grid needs steps: write 1..2/4"),
        (Space({str(number): Integers(1, 9) for number in range(5)}), "59049 combinations, more than 10000"),
        (Space({"a": Choice(1, 2)}, {"a": {"b": (1,)}}), "space = 'a': depends on paths that the space does not have"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(space: Space, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grid(space)


DOMAINS = {
    "log:1..100": LogUniform(1, 100),
    "1e-5..1e-3": Uniform(1e-5, 1e-3),
    "-1..2.5/4": Uniform(-1, 2.5, 4),
    "log:.5..2/3": LogUniform(0.5, 2, 3),
    "int:1..6": Integers(1, 6),
    "add,concatenate": Choice("add", "concatenate"),
    "1, 3,5": Choice(1, 3, 5),
    "true,false": Choice(True, False),
    "None,none,0.5": Choice(None, "none", 0.5),
    '["a,b", [128, 64]]': Choice("a,b", [128, 64]),
}


@pytest.mark.parametrize("text", DOMAINS)
def test_a_domain_is_read_as_it_is_written(text: str) -> None:
    domain = DOMAINS[text]
    assert parse_domain(text) == domain
    assert parse_domain(show_domain(domain)) == domain


def test_ranges_of_fields_of_whole_numbers_are_whole() -> None:
    assert parse_domain("1..6", whole=True) == Integers(1, 6)


@pytest.mark.parametrize("text", ["", "alone", "2..1", "log:0..1", "int:1..6/2", '["open', "a..b"])
def test_a_text_that_means_no_domain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"give two|first|positive|whole numbers|no list of JSON"):
        parse_domain(text)

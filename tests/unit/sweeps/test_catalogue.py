"""Spaces by group, by path and of a file: what a preset's own fields say can be searched."""

import re
from pathlib import Path

import pytest

from sweeps.spaces.catalogue import ALL, GROUPS, choose_space, group_space
from sweeps.spaces.overrides import apply
from sweeps.spaces.space import draw
from sweeps.trials import trial_config
from trainer.config.domains import Choice, Integers, LogUniform, Uniform
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset, preset_names

CONFIG = trial_config(load_preset(DEFAULT))


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_has_a_space_of_all_whose_draws_are_possible(preset: str) -> None:
    config = trial_config(load_preset(preset))
    space = group_space(GROUPS, config)
    assert "optimizer.lr" in space.domains
    assert any(path.endswith("num_filters") for path in space.domains)
    for overrides in draw(space, num=6, seed=0):
        apply(config, overrides)


def test_groups_hold_what_they_are_called() -> None:
    weights, architecture, optimizer = (group_space([group], CONFIG).domains for group in GROUPS)
    assert weights == {"method.weight_gan": LogUniform(0.1, 10), "method.weight_l1": LogUniform(10, 1000)}
    assert architecture["method.generator.skips"] == Choice("concatenate", "add", "dense", "none")
    assert architecture["method.generator.num_filters"] == Choice(8, 16, 32)
    assert {path.split(".")[1] for path in architecture} == {"generator", "discriminator"}
    assert list(optimizer) == ["optimizer.lr", "optimizer.discriminator_lr_factor", "optimizer.beta1"]
    assert choose_space(ALL, (), CONFIG)[1].domains.keys() == {*weights, *architecture, *optimizer}


def test_what_a_preset_has_turned_off_stays_off() -> None:
    alone = apply(CONFIG, {"method.weight_gan": 0.0})
    space = group_space(GROUPS, alone)
    assert [path for path in space.domains if "discriminator." in path or "weight" in path] == ["method.weight_l1"]


def test_a_choice_that_the_preset_cannot_have_is_left_out() -> None:
    smaller = apply(CONFIG, {"data.crop_size": 64, "data.load_size": 64, "method.generator.num_downs": 5})
    path = "method.discriminator.num_layers"
    assert group_space(["architecture"], CONFIG).domains[path] == Choice(0, 1, 3, 5)
    assert group_space(["architecture"], smaller).domains[path] == Choice(0, 1, 3)


def test_the_skips_of_the_u_net_are_searched_where_there_is_one() -> None:
    both = group_space(["architecture"], CONFIG)
    assert both.conditions["method.generator.skips"] == {"method.generator.architecture": ("unet",)}
    vary = ["method.generator.skips=add,none"]
    assert choose_space(None, vary, CONFIG)[1].conditions == {}
    resnet = apply(CONFIG, {"method.generator.architecture": "resnet"})
    message = r"skips': has no effect with method\.generator\.architecture = 'resnet'"
    with pytest.raises(ConfigError, match=message):
        choose_space(None, vary, resnet)
    either = choose_space(None, [*vary, "method.generator.architecture=unet,resnet"], resnet)[1]
    assert either.conditions == {"method.generator.skips": {"method.generator.architecture": ("unet",)}}


def test_momentum_is_not_searched_where_rmsprop_has_none() -> None:
    """Trials that differ in it alone would be the same."""
    dualgan, cyclegan = load_preset("unpaired-dualgan"), load_preset("unpaired-cyclegan")
    assert "optimizer.beta1" in group_space(["optimizer"], cyclegan).domains
    found = group_space(["optimizer"], dualgan).domains
    assert "optimizer.beta1" not in found
    assert "optimizer.rmsprop_decay" in found
    with pytest.raises(ConfigError, match=r"beta1': has no effect with optimizer\.algorithm = 'rmsprop'"):
        choose_space(None, ["optimizer.beta1=0.0,0.5"], dualgan)


def test_paths_are_added_to_a_group_or_stand_alone() -> None:
    name, space = choose_space("weights", ["method.weight_l1=1..5", "train.batch-size-per-gpu=1..4"], CONFIG)
    assert name == "weights"
    assert space.domains["method.weight_l1"] == Uniform(1, 5)
    assert space.domains["train.batch_size_per_gpu"] == Integers(1, 4)
    assert choose_space(None, ["method.weight_l1=1,2"], CONFIG)[0] == "vary"


@pytest.mark.parametrize(
    ("preset", "name"), [(DEFAULT, "l1-skips"), ("unpaired-cyclegan", "weights"), ("glyphs-dcgan", "optimizer")]
)
def test_the_first_space_that_suits_is_taken_if_none_is_named(preset: str, name: str) -> None:
    assert choose_space(None, (), load_preset(preset))[0] == name


@pytest.mark.parametrize(
    ("name", "vary", "message"),
    [
        ("everything", [], "space = 'everything': there are: weights, architecture, optimizer, all, l1-skips"),
        ("nowhere.py", [], "space = 'nowhere.py': no such file"),
        (None, ["method.weight_l1"], "vary = 'method.weight_l1': write PATH=DOMAIN"),
        (None, ["method.weight_11=1,2"], "did you mean method.weight_l1"),
        (None, ["method.generator=1,2"], "is a section; its fields: method.generator.architecture"),
        (None, ["method.weight_l1=5"], "give two different values or more. Write e.g. method.weight_l1=log:1..100"),
        (None, ["method.weight_l1=-1..5"], "method.weight_l1 = -1.0: use 0 (off) or more"),
        (None, ["method.generator.skips=add,multiply"], "method.generator.skips = 'multiply'"),
        (None, ["train.total_kimg=1,2"], "its trials are alike in length"),
        (None, ["method.generator.num_downs=5,12"], "must be a multiple of 4096"),
    ],
)
def test_a_space_that_cannot_be_is_named(name: str | None, vary: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        choose_space(name, vary, CONFIG)


def test_a_space_of_what_a_preset_lacks_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"method\.weight_l1.*has no such field"):
        choose_space("l1-skips", (), load_preset("glyphs-vae"))
    with pytest.raises(ConfigError, match=r"'weights': method\.name = 'gan' has nothing of it"):
        choose_space("weights", (), load_preset("glyphs-dcgan"))


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from sweeps.spaces.catalogue import When\n"
        "from trainer.config.domains import Choice, LogUniform\n"
        "def space(config):\n"
        "    least = config.method.weight_l1 / 2\n"
        "    only = {'data.flip': (True,)}\n"
        "    return {'data.flip': Choice(True, False), 'method.weight_l1': When(LogUniform(least, 400), only)}\n"
    )
    name, space = choose_space(str(file), (), CONFIG)
    assert name == "mine"
    assert space.domains["method.weight_l1"] == LogUniform(50, 400)
    assert space.conditions == {"method.weight_l1": {"data.flip": (True,)}}
    file.write_text("SPACE = {'method.weight_l1': 3}\n")
    with pytest.raises(ConfigError, match="holds no SPACE"):
        choose_space(str(file), (), CONFIG)

"""Methods are found by their folders: what each must hold, and what a stored section may say."""

import subprocess
import sys
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import trainer.methods
from tests.shrink import SIDE, shrink
from trainer.config.errors import ConfigError
from trainer.config.method import MethodConfig, Task
from trainer.methods.base import Encodes, Relabels, Samples, Translates, TranslatesBack
from trainer.methods.registry import build_method, config_class, method_names
from trainer.presets import load_preset, preset_names
from trainer.runs.config import config_from_dict


def test_all_methods_are_there():
    assert method_names() == sorted(method_names())
    assert {"cyclegan", "gan", "pix2pix", "vaegan"} < set(method_names())
    assert "shared" not in method_names()
    assert len(method_names()) >= 15


@pytest.mark.parametrize("name", method_names())
def test_a_folder_holds_one_section_of_its_name_and_what_builds_it(name: str):
    section = config_class(name)
    assert issubclass(section, MethodConfig)
    assert section.__module__ == f"trainer.methods.{name}.config"
    assert get_args(get_type_hints(section)["name"]) == (name,)  # no other can be asked for
    assert section().name == name
    build = import_module(f"trainer.methods.{name}.method").build
    assert get_annotations(build, eval_str=True)["config"] is section
    assert import_module(f"trainer.methods.{name}").__doc__


def test_every_method_has_a_preset():
    assert {load_preset(preset).method.name for preset in preset_names()} == set(method_names())


@pytest.mark.parametrize("preset", preset_names())
def test_a_section_names_the_players_that_are_built(preset: str):
    """All of them, or `optimizer.players` would be refused for one; those that judge apart."""
    config = shrink(load_preset(preset), dataset=Path("unused"))
    players = build_method(config.method, Task(channels_a=3, channels_b=3, side=SIDE, num_labels=4)).players
    judges = {name for name, player in players.items() if player.is_discriminator}
    assert players.keys() - judges == set(config.method.generators)
    without_gan = getattr(config.method, "weight_gan", 1) == 0  # pix2pix then trains no discriminator
    assert judges == (set() if without_gan else set(config.method.discriminators))


def test_sections_are_listed_and_read_without_torch():
    program = (
        "import sys; from trainer.methods.registry import config_class, method_names; "
        "print(len([config_class(name)() for name in method_names()]), {'torch', 'deepspeed'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == [str(len(method_names())), "set()\n"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "cyclgan"}, r"^method\.name = 'cyclgan': did you mean 'cyclegan'\? there are: autoencoder, "),
        ({"name": "shared"}, r"^method\.name = 'shared': .*there are: "),
        ({"name": ["gan"]}, r"^method\.name = \['gan'\]: .*there are: "),
        ({}, r"^method\.name = None: .*there are: "),
        ("gan", r"^method = 'gan': must be a section"),
        ({"name": "gan", "weight_l1": 1}, r"^method\.weight_l1 = 1: "),
        ({"name": "gan", "code_size": "many"}, r"^method\.code_size = 'many': "),
        ({"name": "gan", "code_size": 0}, r"^method\.code_size = 0: use 1 or more\.$"),
        ({"name": "gan", "generator": {"norm": "bach"}}, r"^method\.generator\.norm = 'bach': "),
        ({"name": "gan", "adversarial": {"weight_r1": -1}}, r"^method\.adversarial\.weight_r1 = -1"),
    ],
)
def test_what_is_wrong_with_a_stored_section_is_named(values: object, message: str):
    with pytest.raises(ConfigError, match=message):
        config_from_dict({"method": values})


def test_a_folder_with_two_sections_is_told(monkeypatch: pytest.MonkeyPatch):
    module = import_module("trainer.methods.gan.config")
    monkeypatch.setattr(
        module, "OtherConfig", type("OtherConfig", (MethodConfig,), {"__module__": module.__name__}), raising=False
    )
    trainer.methods.registry._section.cache_clear()
    with pytest.raises(AssertionError, match=r"trainer\.methods\.gan\.config must have one subclass .* it has 2"):
        config_class("gan")


@pytest.mark.parametrize("name", method_names())
def test_a_section_says_what_its_method_can_do(name: str):
    """Sweeps and scores ask the section, because the method itself needs torch."""
    preset = next(preset for preset in preset_names() if load_preset(preset).method.name == name)
    config = shrink(load_preset(preset), dataset=Path("unused"))
    section = config.method
    labels = 2 if section.needs_label else 0
    method = build_method(section, Task(channels_a=3, channels_b=3, side=SIDE, num_labels=labels))
    assert section.translates == isinstance(method, Translates)
    assert section.translates_back == isinstance(method, TranslatesBack)
    assert section.draws == isinstance(method, Samples)
    draws_labels = isinstance(method, Samples) and section.needs_label
    assert section.shows_labels == (draws_labels or isinstance(method, Relabels | Encodes))

"""`train.frozen`: what it names does not train, and what it cannot mean is said."""

from pathlib import Path

import pytest
from torch import nn

from tests.shrink import SIDE, shrink
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.engine.frozen import freeze
from trainer.methods.base import Method, Player
from trainer.methods.registry import build_method
from trainer.presets import DEFAULT, load_preset


@pytest.fixture
def method() -> Method:
    config = shrink(load_preset(DEFAULT), dataset=Path("unused"))
    return build_method(config.method, Task(channels_a=3, channels_b=3, side=SIDE))


def frozen_in(method: Method) -> set[str]:
    return {
        name
        for player in method.players.values()
        for name, parameter in player.networks.named_parameters()
        if not parameter.requires_grad
    }


def test_whole_names_of_parts_are_meant(method: Method) -> None:
    freeze(method.players, ["generator.encoder.1", "discriminator.layers.0.weight"])
    names = frozen_in(method)
    assert any(name.startswith("generator.encoder.1.") for name in names)
    assert {name for name in names if not name.startswith("generator.encoder.1.")} == {"discriminator.layers.0.weight"}


def test_a_shared_layer_has_a_name_in_each_network() -> None:
    shared, own = nn.Linear(1, 1), nn.Linear(1, 1)
    networks = nn.ModuleDict({"a": nn.Sequential(shared), "b": nn.Sequential(shared, own)})
    freeze({"player": Player(networks=networks)}, ["b.0"])
    assert not shared.weight.requires_grad
    assert own.weight.requires_grad


@pytest.mark.parametrize("name", ["generator.enc", "encoder", "", "generator.encoder.", "."])
def test_no_part_is_answered_with_the_parts_there_are(name: str, method: Method) -> None:
    with pytest.raises(ConfigError, match=r"train\.frozen = .*generator \(generator\.encoder, generator\.decoder\)"):
        freeze(method.players, [name])
    assert frozen_in(method) == set()


def test_a_player_with_nothing_to_train_is_refused(method: Method) -> None:
    with pytest.raises(ConfigError, match=r"train\.frozen = .*nothing to train of discriminator"):
        freeze(method.players, ["generator.encoder", "discriminator"])

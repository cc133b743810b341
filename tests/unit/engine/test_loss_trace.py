"""Losses that are no numbers are traced to the module in which that began, and nothing is moved."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.shrink import SIDE, shrink
from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.engine.activations import recompute_activations
from trainer.engine.loss_trace import where_lost
from trainer.methods.base import Method, Networks
from trainer.methods.registry import build_method
from trainer.presets import load_preset

TASK = Task(channels_a=3, channels_b=3, side=SIDE)


def made(preset: str) -> tuple[Method, Networks, dict[str, nn.Module]]:
    torch.manual_seed(0)
    method = build_method(shrink(load_preset(preset), dataset=Path("none")).method, TASK)
    modules = {name: net for player in method.players.values() for name, net in player.networks.items()}
    return method, Networks(modules, modules), modules


@pytest.fixture
def batch() -> Batch:
    a, b = torch.rand(2, 2, 3, SIDE, SIDE) * 2 - 1
    return Batch(a=a, b=b, index=torch.arange(2), keys=("one", "two"))


def spoil(modules: dict[str, nn.Module], network: str) -> str:
    """Make a weight in the middle of a network infinite; the name of its module."""
    layers = [(path, part) for path, part in modules[network].named_modules() if isinstance(part, nn.Conv2d)]
    path, layer = layers[len(layers) // 2]
    with torch.no_grad():
        layer.weight.view(-1)[0] = torch.inf
    return f"{network}.{path}".replace("_checkpoint_wrapped_module.", "")


@pytest.mark.parametrize("network", ["generator_b2a", "discriminator_a"])
def test_the_module_with_the_spoilt_weight_is_named(network: str, batch: Batch) -> None:
    method, networks, modules = made("unpaired-cyclegan")
    name = spoil(modules, network)
    player = next(each for each, value in method.players.items() if network in value.networks)
    words = where_lost(player, method, networks, batch)
    assert words == f"The output of {name} was the first that is no number, whose weight is none"


def test_names_are_those_without_activation_checkpointing(batch: Batch) -> None:
    method, networks, modules = made("earth-relief2satellite")
    recompute_activations(method.players["generator"].networks)
    name = spoil(modules, "generator")
    assert f"The output of {name} was the first" in where_lost("discriminator", method, networks, batch)


def test_a_layer_whose_weights_are_numbers_is_told_by_its_kind(batch: Batch) -> None:
    method, networks, modules = made("earth-relief2satellite")
    first = next(part for part in modules["discriminator"].modules() if isinstance(part, nn.Conv2d))
    with torch.no_grad():
        first.weight.fill_(3e38)
    words = where_lost("discriminator", method, networks, batch)
    assert words.startswith("The output of discriminator.")
    assert words.endswith(f"was the first that is no number ({type(first).__name__})")


def test_images_that_are_no_numbers_are_named(batch: Batch) -> None:
    method, networks, _ = made("earth-relief2satellite")
    poisoned = replace(batch, b=batch.b * torch.nan)
    words = where_lost("generator", method, networks, poisoned)
    assert words == "The images of view b were no numbers already, in the batch that begins with one, two"


def test_nothing_is_moved(batch: Batch) -> None:
    method, networks, modules = made("unpaired-cyclegan")
    everything = nn.ModuleDict(modules)
    before = {name: value.clone() for name, value in everything.state_dict().items()}
    histories = {name: list(pool.images) for name, pool in method.pools.items()}
    torch.manual_seed(3)
    where_lost("discriminator_a", method, networks, batch)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.rand(1) == drawn
    assert {name: pool.images for name, pool in method.pools.items()} == histories
    assert all(torch.equal(before[name], value) for name, value in everything.state_dict().items())
    assert not any(part._forward_hooks for part in everything.modules())

"""Rivals, and networks called as fixed functions, take no gradients, and afterwards do so as before."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.shrink import shrink
from trainer.config.optimizer import OptimizerConfig
from trainer.data.batch import Batch
from trainer.engine.activations import recompute_activations
from trainer.engine.engine import Engine
from trainer.methods.base import Method, Networks, Player
from trainer.methods.freezing import without_gradients
from trainer.networks.layers import Block
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world

BATCH = Batch(a=torch.rand(2, 3, 8, 8), b=torch.rand(2, 3, 8, 8), index=torch.arange(2))


class Regression(Method):
    """A generator learns that its code can be read of its image; the encoder, of the same player, is not to help it."""

    averaged = ("generator",)

    def __init__(self, *, has_latent_term: bool) -> None:
        torch.manual_seed(0)
        networks = {
            name: nn.Sequential(Block(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh()), nn.Conv2d(4, 3, 3, padding=1))
            for name in ("encoder", "generator")
        }
        self.players = {
            "both": Player(networks=nn.ModuleDict(networks)),
            "rival": Player(networks=nn.ModuleDict({"judge": nn.Conv2d(3, 1, 1)}), is_discriminator=True),
        }
        self.has_latent_term = has_latent_term

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        return {"fake": networks["generator"](batch.a)}

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        return {"input": batch.a}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if player == "rival":
            return {"judged": networks["judge"](batch.b).square().mean()}
        terms = {
            "code": networks["encoder"](batch.b).square().mean(),
            "image": (fakes["fake"] - batch.b).square().mean(),
        }
        if self.has_latent_term:
            terms["latent"] = (networks.frozen("encoder")(fakes["fake"]) - batch.a).square().mean()
        return terms


def trained(*, has_latent_term: bool, recomputes: bool, zero_stage: int) -> dict[str, Tensor]:
    config = shrink(load_preset(DEFAULT), dataset=Path("unused")).engine
    engine = Engine(
        Regression(has_latent_term=has_latent_term),
        config=replace(config, zero_stage=zero_stage, activation_checkpointing=recomputes),
        optimizer=OptimizerConfig(lr=0.01),
        batch_size_per_gpu=2,
        world=init_world("cpu"),
    )
    for step in range(2):
        engine.train_step(BATCH, step=step)
    with engine.gathered(["encoder", "generator"]) as networks:
        return {
            name: torch.cat([weight.detach().flatten().clone() for weight in network.parameters()])
            for name, network in networks.items()
        }


@pytest.mark.parametrize("zero_stage", [0, 1, 2, pytest.param(3, marks=pytest.mark.soak)])
@pytest.mark.parametrize("recomputes", [False, True])
def test_gradients_pass_through_a_frozen_network_of_ones_own(recomputes: bool, zero_stage: int):
    with_term, without = (
        trained(has_latent_term=has, recomputes=recomputes, zero_stage=zero_stage) for has in (True, False)
    )
    assert torch.equal(with_term["encoder"], without["encoder"])
    assert not torch.equal(with_term["generator"], without["generator"])


def test_rivals_flags_are_given_back_as_they_were():
    """A method may freeze or free parts of its networks on its way."""
    method = Regression(has_latent_term=False)
    engine = Engine(
        method,
        config=shrink(load_preset(DEFAULT), dataset=Path("unused")).engine,
        optimizer=OptimizerConfig(lr=0.01),
        batch_size_per_gpu=2,
        world=init_world("cpu"),
    )
    judge = method.players["rival"].networks["judge"]
    assert isinstance(judge, nn.Conv2d)
    assert judge.bias is not None
    judge.bias.requires_grad_(False)
    engine.train_step(BATCH, step=0)
    assert (judge.weight.requires_grad, judge.bias.requires_grad) == (True, False)


def test_flags_come_back_after_an_error():
    layer = nn.Linear(1, 1)
    layer.bias.requires_grad_(False)
    with pytest.raises(ValueError, match="broken"), without_gradients(layer.parameters()):
        assert not layer.weight.requires_grad
        raise ValueError("broken")
    assert (layer.weight.requires_grad, layer.bias.requires_grad) == (True, False)


def test_a_frozen_call_in_plain_torch_reaches_its_input_alone():
    layer = nn.Linear(1, 1)
    image = torch.ones(1, 1, requires_grad=True)
    Networks({"layer": layer}, {"layer": layer}).frozen("layer")(image).sum().backward()
    assert image.grad is not None
    assert image.grad.item() == pytest.approx(layer.weight.item())
    assert layer.weight.grad is None
    assert layer.weight.requires_grad


def test_recomputed_activations_are_those_of_the_frozen_pass():
    """A matrix product keeps its input for the gradient of its weight alone: freed by then, it would keep one more."""

    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.eye(8) * 2)

        def forward(self, image: Tensor) -> Tensor:
            return torch.mm(image, self.weight)

    networks = nn.ModuleDict({"own": nn.Sequential(Block(Product(), nn.Tanh(), Product()))})
    recompute_activations(networks)
    image = torch.ones(3, 8, requires_grad=True)
    Networks(dict(networks), dict(networks)).frozen("own")(image).sum().backward()
    assert image.grad is not None
    slope = 2 * (1 - torch.tensor(2.0).tanh().square().item()) * 2
    assert image.grad.flatten().tolist() == pytest.approx([slope] * 24)

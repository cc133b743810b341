"""Batch norm on two ranks against torch's own on one, over the whole batch."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.distributed.launcher import run_ranks
from trainer.ranks.sync_norm import synchronise
from trainer.ranks.world import World, init_world

NUM_RANKS = 2
NUM_STEPS = 3
CHANNELS = 3
SHAPES = {"images": (4, CHANNELS, 5, 6), "features": (6, CHANNELS), "far from zero": (4, CHANNELS, 5, 6)}

Outcome = dict[str, list[np.ndarray]]
"""Of one network on its part of the batches: `outputs` and `input gradients` of each step, what it has after all."""


def batches(name: str) -> list[tuple[Tensor, Tensor]]:
    """Whole batches, the two halves of which differ in mean and spread; and weights that their outputs count with."""
    generator = torch.Generator().manual_seed(0)
    shape = SHAPES[name]
    place = torch.linspace(0.5, 3, shape[0]).view(-1, *[1] * (len(shape) - 1))
    drawn = [torch.randn(2, *shape, generator=generator) for _ in range(NUM_STEPS)]
    if name == "far from zero":
        return [(1000 + 0.05 * images, weights) for images, weights in drawn]
    return [(images * place + place, weights) for images, weights in drawn]


def make_network() -> nn.Module:
    torch.manual_seed(1)
    norm = nn.BatchNorm2d(CHANNELS, momentum=0.3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    network = nn.Sequential(norm)
    synchronise(network)  # on one rank this is torch's own
    return network


def train(name: str, *, part: slice) -> Outcome:
    """The loss is a mean over the images of the part."""
    network = make_network()
    outputs, gradients = [], []
    for images, weights in batches(name):
        inputs = images[part].requires_grad_()
        outputs.append(network(inputs))
        (outputs[-1].square() * weights[part]).flatten(1).sum(dim=1).mean().backward()
        gradients.append(inputs.grad)
    weight_gradients = [parameter.grad for parameter in network.parameters()]
    found = {"outputs": outputs, "input gradients": gradients, "weight gradients": weight_gradients}
    found["statistics"] = list(network.buffers())
    return {key: [value.detach().numpy() for value in values if value is not None] for key, values in found.items()}


def train_rank(world: World) -> dict[str, Outcome]:
    parts = {name: shape[0] // world.size for name, shape in SHAPES.items()}
    return {name: train(name, part=slice(world.rank * size, (world.rank + 1) * size)) for name, size in parts.items()}


@pytest.fixture(scope="module")
def ranks() -> list[dict[str, Outcome]]:
    return run_ranks(train_rank, NUM_RANKS)


@pytest.fixture(scope="module")
def whole() -> dict[str, Outcome]:
    init_world("cpu")
    return {name: train(name, part=slice(None)) for name in SHAPES}


def joined(key: str, name: str, ranks: list[dict[str, Outcome]]) -> list[np.ndarray]:
    """The two halves of each step as one batch."""
    return [np.concatenate(halves) for halves in zip(*(rank[name][key] for rank in ranks), strict=True)]


def assert_close(ours: list[np.ndarray], others: list[np.ndarray]) -> None:
    for array, other in zip(ours, others, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["images", "features"])
def test_two_ranks_equal_one_over_the_whole_batch(name: str, ranks, whole):
    assert_close(joined("outputs", name, ranks), whole[name]["outputs"])
    # Each rank's loss is a mean over half of the images: its gradients are twice those of the whole, and are averaged.
    gradients = [array / NUM_RANKS for array in joined("input gradients", name, ranks)]
    assert_close(gradients, whole[name]["input gradients"])
    averaged = [sum(pair) / NUM_RANKS for pair in zip(*(rank[name]["weight gradients"] for rank in ranks), strict=True)]
    assert_close(averaged, whole[name]["weight gradients"])
    for rank in ranks:
        assert_close(rank[name]["statistics"], whole[name]["statistics"])


def test_the_variance_of_values_far_from_zero_does_not_cancel(ranks, whole):
    """A mean of 1000 and a deviation of 0.05: the squares are about 1e6, of which float32 keeps 0.06."""
    for ours, other in zip(joined("outputs", "far from zero", ranks), whole["far from zero"]["outputs"], strict=True):
        np.testing.assert_allclose(ours, other, atol=0.02)

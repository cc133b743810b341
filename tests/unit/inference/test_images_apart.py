"""Images that pass together are translated as each alone: with its own statistics, and by its own chance."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer.config.networks import GeneratorConfig
from trainer.data.randomness import seeded
from trainer.inference.images_apart import can_be_apart, images_apart, let_be_apart
from trainer.networks.generator import build_generator

CPU = torch.device("cpu")
SEEDS = (5, 3, 8)


@pytest.fixture(params=["unet", "resnet"])
def network(request: pytest.FixtureRequest) -> Iterator[nn.Module]:
    """In the mode in which pix2pix translates."""
    sizes: dict[str, Any] = {"num_downs": 3} if request.param == "unet" else {"num_blocks": 2}
    config = GeneratorConfig(architecture=request.param, num_filters=8, norm="batch", dropout=0.5, **sizes)
    torch.manual_seed(0)
    network = build_generator(config, in_channels=3, out_channels=3)
    let_be_apart([network])
    with torch.no_grad():
        yield network.train()


def pictures(layout: torch.memory_format) -> Tensor:
    """Three, of which no two have the same brightness."""
    noise = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return (noise * torch.tensor([1.0, 2, 3])[:, None, None, None]).contiguous(memory_format=layout)


def one_by_one(network: nn.Module, images: Tensor) -> Tensor:
    made = []
    for image, seed in zip(images.split(1), SEEDS, strict=True):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            made.append(network(image))
    return torch.cat(made)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_together_they_are_what_each_is_alone(network: nn.Module, layout: torch.memory_format):
    images = pictures(layout)
    alone = one_by_one(network, images)
    with images_apart([network], SEEDS, device=CPU):
        together = network(images)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    with seeded(SEEDS[0], device=CPU):
        assert not torch.allclose(network(images), alone, atol=1e-2), "afterwards they see each other again"


def test_layers_of_other_kinds_pass_one_at_a_time():
    known, other = (
        nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5)),
        nn.Sequential(nn.Dropout2d(0.5), nn.BatchNorm1d(2)),
    )
    let_be_apart([known, other])
    assert can_be_apart([known])
    assert not can_be_apart([known, other])
    assert not can_be_apart([other[1:]])
    assert can_be_apart([known, other.eval()]), "at rest they look at no other image"

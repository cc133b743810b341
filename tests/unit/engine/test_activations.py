"""Blocks that are computed again in the backward pass give what blocks that keep everything give, to the last bit."""

import copy

import pytest
import torch
from torch import Tensor, nn

from tests.shrink import shrink_section
from trainer.config.latent import DiscriminatorConfig
from trainer.config.networks import GeneratorConfig
from trainer.engine.activations import recompute_activations
from trainer.losses.penalties import r1_penalty
from trainer.networks.conv_discriminator import ConvDiscriminator
from trainer.networks.generator import build_generator
from trainer.networks.layers import Block

SIDE = 32


def unet(*, dropout: float = 0.0) -> nn.Module:
    """Narrow, and deep enough for a level with dropout."""
    return build_generator(
        GeneratorConfig(num_filters=2, num_downs=5, norm="batch", dropout=dropout), in_channels=3, out_channels=3
    )


def resnet(*, dropout: float = 0.0) -> nn.Module:
    config = GeneratorConfig(architecture="resnet", num_filters=2, num_blocks=2, norm="batch", dropout=dropout)
    return build_generator(config, in_channels=3, out_channels=3)


class Judge(nn.Module):
    """Two passes of a discriminator with spectral norm, whose estimate moves in each."""

    def __init__(self) -> None:
        super().__init__()
        config = shrink_section(DiscriminatorConfig(norm="batch", spectral_norm=True))
        self.discriminator = ConvDiscriminator(config, in_channels=3, side=SIDE)

    def forward(self, image: Tensor) -> Tensor:
        return self.discriminator(image) - self.discriminator(-image).square()


NETWORKS = {
    "unet": unet,
    "unet with dropout": lambda: unet(dropout=0.5),
    "resnet with dropout": lambda: resnet(dropout=0.5),
    "spectral norm": Judge,
}


def pair(name: str) -> tuple[nn.ModuleDict, nn.ModuleDict]:
    """The same network as it is, and recomputed."""
    torch.manual_seed(0)
    plain = nn.ModuleDict({"network": NETWORKS[name]()})
    recomputed = copy.deepcopy(plain)
    recompute_activations(recomputed)
    return plain, recomputed


def passes(networks: nn.ModuleDict) -> list[Tensor]:
    """Two losses, all gradients, and what the passes left in the network."""
    torch.manual_seed(1)
    images = torch.rand(2, 3, SIDE, SIDE) * 2 - 1
    losses = []
    for _ in range(2):
        loss = networks["network"](images).square().mean()
        loss.backward()
        losses.append(loss.detach())
    return [*losses, *(parameter.grad for parameter in networks.parameters()), *networks.buffers()]


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_gradients_and_buffers_are_equal_to_the_bit(name: str):
    plain, recomputed = pair(name)
    for ours, others in zip(passes(recomputed), passes(plain), strict=True):
        assert torch.equal(ours, others)


def test_gradients_of_gradients_too():
    results = []
    for networks in pair("spectral norm"):
        torch.manual_seed(1)
        images = torch.rand(2, 3, SIDE, SIDE)
        penalty = r1_penalty(networks["network"], images)
        penalty.backward()
        results.append([penalty.detach(), *(p.grad for p in networks.parameters() if p.grad is not None)])
    for ours, others in zip(*results, strict=True):
        assert torch.equal(ours, others)


def test_names_stay_and_either_loads_the_other():
    plain, recomputed = pair("unet")
    assert list(recomputed.state_dict()) == list(plain.state_dict())
    for source, target in ((plain, recomputed), (recomputed, plain)):
        nn.init.constant_(next(source.parameters()), 7)
        target.load_state_dict(source.state_dict())
        assert (next(target.parameters()) == 7).all()


def test_less_is_kept_for_the_backward_pass():
    kept = []
    for networks in pair("unet"):
        sizes: list[int] = []

        def pack(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            networks["network"](torch.zeros(2, 3, SIDE, SIDE))
        kept.append(sum(sizes))
    plain, recomputed = kept
    assert recomputed < 0.5 * plain


def test_blocks_are_what_is_recomputed():
    runs: list[nn.Module] = []
    networks = nn.ModuleDict({"block": nn.Sequential(Block(nn.Linear(2, 2), nn.Tanh())), "other": nn.Linear(2, 2)})
    for layer in (networks["block"][0][0], networks["other"]):
        layer.register_forward_hook(lambda module, *_: runs.append(module))
    first = networks["block"][0][0]
    recompute_activations(networks)
    networks["other"](networks["block"](torch.ones(1, 2))).sum().backward()
    assert [layer is first for layer in runs] == [True, False, True]

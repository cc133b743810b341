"""Several batches in one call give what several calls give, and go apart where a call would know of the other."""

import pytest
import torch
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, Norm, PatchGANConfig
from trainer.data.batch import Batch
from trainer.methods.base import Networks
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.cyclegan.method import CycleGAN
from trainer.networks.patchgan import PatchGAN

PARTS = ((1, "instance", False), (1, "group", False), (1, "none", False), (2, "batch", False), (2, "instance", True))
"""Calls for two batches, of a discriminator with this norm, with spectral norm or not."""


class Counted:
    """A network that counts its calls."""

    def __init__(self, network: nn.Module) -> None:
        self.network, self.calls = network, 0

    def __call__(self, *inputs: Tensor) -> Tensor:
        self.calls += 1
        return self.network(*inputs)


@pytest.mark.parametrize(("calls", "norm", "spectral_norm"), PARTS)
def test_batches_go_in_one_call_where_images_do_not_meet(calls: int, norm: Norm, spectral_norm: bool):
    config = PatchGANConfig(num_filters=4, num_layers=1, norm=norm, spectral_norm=spectral_norm)
    network = Counted(PatchGAN(config, in_channels=3).double())
    networks = Networks({"d": network}, {"d": network.network}, joins_calls=True)
    images = torch.randn(3, 3, 16, 16, dtype=torch.float64)
    one, other = networks.each("d", images[:1], images[1:])
    assert network.calls == calls
    assert (len(one), len(other)) == (1, 2)
    if not spectral_norm:
        torch.testing.assert_close(one, network.network(images[:1]))
        torch.testing.assert_close(other, network.network(images[1:]))


def test_features_and_logits_are_parted_alike():
    network = PatchGAN(PatchGANConfig(num_filters=4, num_layers=1, norm="instance"), in_channels=3).double()
    networks = Networks({"d": lambda image: network(image, True)}, {"d": network}, joins_calls=True)
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    for image, found in zip(images, networks.each("d", *images[:, None]), strict=True):
        torch.testing.assert_close(found, network(image[None], True))


def test_cyclegans_losses_and_gradients_are_those_of_separate_calls():
    method = CycleGAN(
        CycleGANConfig(
            generator=GeneratorConfig(architecture="resnet", num_filters=4, num_blocks=1, norm="instance", dropout=0.0),
            discriminator=PatchGANConfig(num_filters=4, num_layers=1, norm="instance"),
            pool_size=0,
        ),
        Task(channels_a=3, channels_b=3, side=16),
    )
    modules = {name: net.double() for player in method.players.values() for name, net in player.networks.items()}
    a, b = torch.rand(2, 2, 3, 16, 16, dtype=torch.float64)
    batch = Batch(a=a, b=b, index=torch.arange(2))
    found = []
    for joins in (False, True):
        calls = {name: Counted(module) for name, module in modules.items()}
        networks = Networks(calls, modules, joins_calls=joins)
        fakes = method.forward(networks, batch)
        losses = {name: method.losses(name, networks, batch, fakes) for name in method.players}
        weights = [weight for module in modules.values() for weight in module.parameters()]
        total = torch.stack([loss for terms in losses.values() for loss in terms.values()]).sum()
        found.append((losses, torch.autograd.grad(total, weights)))
        # A generator: fakes; and round trip and identity. A discriminator: real and fake; and the generators' fake.
        assert {one.calls for one in calls.values()} == ({2} if joins else {3})
    torch.testing.assert_close(*found)

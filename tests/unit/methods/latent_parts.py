"""Tasks, batches and networks small enough to work methods of latent codes out by hand."""

import torch
from torch import Tensor, nn

from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.methods.base import Method, Network, Networks

TASK = Task(channels_a=1, channels_b=1, side=16, num_labels=3)
ENCODER = EncoderConfig(num_filters=2)
DECODER = DecoderConfig(num_filters=2)
DISCRIMINATOR = DiscriminatorConfig(num_filters=2)
SMOOTH = DiscriminatorConfig(num_filters=2, norm="none")
"""Without batch norm, so that a sample's logit depends on no other sample."""


def single_batch(image: Tensor, *, label: Tensor | None = None, position: int = 0) -> Batch:
    """A batch of one view: a and b are the same tensor."""
    return Batch(a=image, b=image, label=label, index=torch.arange(position, position + len(image)), seed=3)


def stubs(**networks: Network) -> Networks:
    """Networks that are functions; their modules only say that they are on the CPU."""
    return Networks(networks, {name: nn.Linear(1, 1) for name in networks})


def real_networks(method: Method) -> Networks:
    """The method's own, as an engine without ranks would call them."""
    modules = {name: net for player in method.players.values() for name, net in player.networks.items()}
    return Networks(modules, modules)


def networks_with_gradients(method: Method, *, player: str, batch: Batch) -> set[str]:
    """Names of the networks that one player's losses reach, were nothing frozen."""
    networks = real_networks(method)
    losses = method.losses(player, networks, batch, method.forward(networks, batch))
    torch.stack(list(losses.values())).sum().backward()
    return {
        name for name in networks if any(parameter.grad is not None for parameter in networks.module(name).parameters())
    }

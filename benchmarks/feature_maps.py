"""Bytes of feature maps that a generator keeps for its backward pass, with and without activation checkpointing."""

import torch
from torch import Tensor, nn

from sharding.console import markdown_table
from trainer.config.networks import GeneratorConfig
from trainer.engine.activations import recompute_activations
from trainer.networks.generator import build_generator

SIDE = 128
BATCH_SIZE = 4
MIB = 2**20
GENERATORS = [
    GeneratorConfig(architecture=architecture, num_filters=32, num_downs=7, norm="instance")
    for architecture in ("unet", "resnet")
]


def kept(network: nn.Module, image: Tensor) -> int:
    """Bytes that autograd keeps of one call, weights not counted; what several operations keep counts once."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    found: dict[int, Tensor] = {}  # holds them, lest a freed address be given out again

    def note(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            found[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(image)
    return sum(tensor.untyped_storage().nbytes() for tensor in found.values())


def table() -> list[str]:
    """MiB of each architecture."""
    rows = []
    for config in GENERATORS:
        network = build_generator(config, in_channels=3, out_channels=3)
        image = torch.zeros(BATCH_SIZE, 3, SIDE, SIDE)
        all_maps = kept(network, image)
        recompute_activations(network)
        rows.append([config.architecture, f"{all_maps / MIB:.1f}", f"{kept(network, image) / MIB:.1f}"])
    return markdown_table(["generator", "without", "with activation_checkpointing"], rows)

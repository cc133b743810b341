"""Bytes of feature maps that a generator keeps for its backward pass, with and without activation checkpointing."""

import torch

from sharding.console import markdown_table
from trainer.config.networks import GeneratorConfig
from trainer.engine.activations import recompute_activations
from trainer.networks.generator import build_generator
from trainer.planning.kept import kept_by

SIDE = 128
BATCH_SIZE = 4
MIB = 2**20
GENERATORS = [
    GeneratorConfig(architecture=architecture, num_filters=32, num_downs=7, norm="instance")
    for architecture in ("unet", "resnet")
]


def table() -> list[str]:
    """MiB of each architecture."""
    rows = []
    for config in GENERATORS:
        network = build_generator(config, in_channels=3, out_channels=3)
        image = torch.zeros(BATCH_SIZE, 3, SIDE, SIDE)
        all_maps = kept_by(network, image)
        recompute_activations(network)
        rows.append([config.architecture, f"{all_maps / MIB:.1f}", f"{kept_by(network, image) / MIB:.1f}"])
    return markdown_table(["generator", "without", "with activation_checkpointing"], rows)

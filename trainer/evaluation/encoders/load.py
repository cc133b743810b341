"""Gives encoders by their names; a network is read when its first image comes."""

import torch

from trainer.config.encoders import EncoderName
from trainer.evaluation.encoders.encoder import Backbone, Encoder


def open_encoder(name: EncoderName | None, *, device: torch.device) -> Encoder | None:
    """An encoder on a device; of no name, none. Using it raises ConfigError if its weights are not there."""
    return None if name is None else Encoder(name, lambda: _load(name, device), device=device)


def _load(name: EncoderName, device: torch.device) -> Backbone:
    if name == "mobilenet_v2":
        from trainer.evaluation.encoders.mobilenet import load_mobilenet_v2  # with torchvision, which takes a second

        network = load_mobilenet_v2()
    else:
        from trainer.evaluation.encoders.efficientnet_lite import load_efficientnet_lite0

        network = load_efficientnet_lite0()
    return network.requires_grad_(False).to(device).to(memory_format=torch.channels_last)

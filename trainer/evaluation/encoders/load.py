"""Gives encoders by their names; a network is read when its first image comes."""

import torch

from trainer.config.encoders import EncoderName
from trainer.evaluation.encoders.encoder import Backbone, Encoder


def open_encoder(name: EncoderName, *, device: torch.device) -> Encoder:
    """An encoder on a device. Using it raises ConfigError if its weights are not there."""
    return Encoder(name, lambda: _load(name, device), device=device)


def _load(name: EncoderName, device: torch.device) -> Backbone:
    if name == "mobilenet_v2":
        from trainer.evaluation.encoders.mobilenet import load_mobilenet_v2  # with torchvision, which takes a second

        network = load_mobilenet_v2()
        network.features.to(device)
        return network
    from trainer.evaluation.encoders.efficientnet_lite import load_efficientnet_lite0

    return load_efficientnet_lite0().requires_grad_(False).to(device)

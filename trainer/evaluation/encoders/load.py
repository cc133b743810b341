"""Gives encoders by their names; a network is read when its first image comes, or when it is asked to open."""

from pathlib import Path

import torch

from trainer.config.encoders import OF_TIMM, EncoderName
from trainer.evaluation.encoders.encoder import Backbone, Encoder
from trainer.evaluation.encoders.weights_file import WeightsFile


def open_encoder(
    name: EncoderName | None, *, device: torch.device, weights: Path | None = None, field: str = ""
) -> Encoder | None:
    """An encoder on a device; of no name, none. Using it raises ConfigError if its weights are not there.

    Args:
        weights: file of those whose weights do not come with the installation.
        field: that names the file, for errors.
    """
    if name is None:
        return None
    file = None if weights is None else WeightsFile(weights, field=field)
    return Encoder(name, lambda: _load(name, device, file), device=device, file=file)


def _load(name: EncoderName, device: torch.device, file: WeightsFile | None) -> Backbone:
    if file is not None and name in OF_TIMM:
        from trainer.evaluation.encoders.vision_transformers import load_vision_transformer

        network = load_vision_transformer(name, file)
    elif file is not None:
        from trainer.evaluation.encoders.torchvision_networks import load_torchvision  # which takes a second

        network = load_torchvision(name, file)
    elif name == "mobilenet_v2":
        from trainer.evaluation.encoders.mobilenet import load_mobilenet_v2

        network = load_mobilenet_v2()
    else:
        from trainer.evaluation.encoders.efficientnet_lite import load_efficientnet_lite0

        network = load_efficientnet_lite0()
    return network.requires_grad_(False).to(device).to(memory_format=torch.channels_last)

"""The noise that images are made of, as training and sampling draw it."""

import torch
from torch import Tensor

from trainer.config.latent import Noise
from trainer.data.batch import Batch
from trainer.methods.base import Networks


def training_noise(kind: Noise, batch: Batch, size: int) -> Tensor:
    """z for each sample of the batch: (N, size), N(0, 1) or uniform in [-1, 1)."""
    return batch.normal("z", size) if kind == "normal" else 2 * batch.uniform("z", size) - 1


def draw_noise(kind: Noise, *shape: int, device: torch.device) -> Tensor:
    """Noise of any shape, from torch's default generator."""
    return torch.randn(shape, device=device) if kind == "normal" else 2 * torch.rand(shape, device=device) - 1


def device_of(networks: Networks, name: str) -> torch.device:
    """Where that network's weights are, and what it is given has to be."""
    return next(networks.module(name).parameters()).device

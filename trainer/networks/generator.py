"""The generator that a configuration asks for."""

from torch import nn

from trainer.config import GeneratorConfig
from trainer.networks.resnet import ResNet
from trainer.networks.unet import UNet

_ARCHITECTURES = {"unet": UNet, "resnet": ResNet}


def build_generator(config: GeneratorConfig, *, in_channels: int, out_channels: int) -> nn.Module:
    """From (N, in_channels, H, W) to (N, out_channels, H, W) in [-1, 1]; H and W are multiples of `config.stride`."""
    return _ARCHITECTURES[config.architecture](config, in_channels=in_channels, out_channels=out_channels)

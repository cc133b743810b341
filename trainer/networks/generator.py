"""The generator that a configuration asks for."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from trainer.config.networks import GeneratorConfig
from trainer.networks.resnet import ResNet
from trainer.networks.unet import UNet

_ARCHITECTURES = {"unet": UNet, "resnet": ResNet}


def build_generator(config: GeneratorConfig, *, in_channels: int, out_channels: int) -> nn.Module:
    """(N, in_channels, H, W) -> (N, out_channels, H, W) in [-1, 1]; H and W are multiples of `config.stride`.

    Called with names of `config.layers`, it gives their activations in a tuple, and computes nothing beyond.

    Raises ConfigError where a residual is asked for between views that differ in channels.
    """
    config.check_channels(in_channels, out_channels)
    network = _ARCHITECTURES[config.architecture](config, in_channels=in_channels, out_channels=out_channels)
    return Correction(network) if config.residual else network


class Correction(nn.Module):
    """x + R(x), cut to [-1, 1], where the network R learns what its input lacks.

    The residual of VDSR (Kim et al. 2016, arXiv:1511.04587, section 3.2) and, with a GAN's generator as R, of DeblurGAN
    (Kupyn et al. 2018, arXiv:1711.07064, section 3.2), whose code cuts, too.

    It begins with R = 0, so with the input as it is: the network's last convolution is set to zero.

    Shape: (N, C, H, W) -> (N, C, H, W), as `network` keeps it.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        *_, last = (layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d))
        for parameter in last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor, layers: Sequence[str] = ()) -> Any:
        if layers:
            return self.network(image, layers)
        return (image + self.network(image)).clamp(-1, 1)

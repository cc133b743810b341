"""Pixel loss + GAN: Learning from Simulated and Unsupervised Images through Adversarial Training (Shrivastava et al.
2017, arXiv:1612.07828).
"""

from torch import Tensor

from trainer.config.method import Task
from trainer.methods.base import Method
from trainer.methods.pixel_gan.config import PixelGANConfig
from trainer.methods.shared.content_gan import ContentGAN


def build(config: PixelGANConfig, task: Task) -> Method:
    """The output stays near its input pixel by pixel: "self-regularization" (section 2.1)."""
    return ContentGAN(config, task, term="pixel", weight=config.weight_pixel, distance=pixel_distance)


def pixel_distance(output: Tensor, image: Tensor) -> Tensor:
    """Mean of |R(x) - x| over pixels and channels (equation 4 has the sum): independent of the image's size.

    Args:
        output: (N, C, H, W).
        image: the same, or of one channel where the other has more: every channel is compared with the grey one.
    """
    return (output - image).abs().mean()

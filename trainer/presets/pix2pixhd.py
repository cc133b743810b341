"""pix2pixHD on the embedded earth set, 96 px: satellite photo -> map of land, sea and lakes.

Its three scales, least squares and feature matching are the paper's; all else is small. 96 pixels are the least that
leave three scales a patch each.

Command: `diptych launch pix2pixhd`. With one thread of a shared AMD EPYC 294 s: 21.16 dB (mean image 14.24), pixel
accuracy 0.914 (commonest classes 0.686), class IoU 0.570 (0.229); lakes are not found.
"""

from dataclasses import replace

from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.methods.pix2pixhd.config import Pix2PixHDConfig
from trainer.presets import pix2pix_patches
from trainer.runs.config import RunConfig


def preset() -> RunConfig:
    method = Pix2PixHDConfig(
        generator=GeneratorConfig(
            architecture="resnet", num_filters=16, num_halvings=3, num_blocks=4, norm="instance", dropout=0.0
        ),
        discriminator=PatchGANConfig(num_filters=16, norm="instance"),
    )
    return replace(pix2pix_patches.presets()["70"], method=method)

"""pix2pixHD on the embedded earth set, 96 px: satellite photo -> map of land, sea and lakes.

Its three scales, least squares and feature matching are the paper's; all else is small. 96 pixels are the least that
leave three scales a patch each.

Command: `diptych launch pix2pixhd`. Not yet run.
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

"""pix2pix with each of its losses: L1, GAN, cGAN, L1+GAN, L1+cGAN (Isola et al. 2017, table 1), satellite -> map.

Scores on two cores are in `docs/methods.md`. Networks, rate, its fall and batches are made for minutes, and are not the
paper's (`papers.py`).

Command: `diptych table pix2pix-losses` trains all; `diptych launch pix2pix-losses-l1-cgan` trains one. 64 px, 2.4 kimg.
"""

from dataclasses import replace
from pathlib import Path

from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.samples import SamplesConfig
from trainer.config.train import TrainConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.runs.config import RunConfig

METHOD = Pix2PixConfig(
    # The number of blocks is that of the ResNet which `pix2pix-generators` puts in the U-Net's place.
    generator=GeneratorConfig(num_filters=24, num_downs=6, num_blocks=6, norm="instance"),
    discriminator=PatchGANConfig(num_filters=16, norm="instance"),
)
"""L1+cGAN with a U-Net and a discriminator of 70 pixels."""


def base() -> RunConfig:
    """The paper's own losses; what the other presets of pix2pix change."""
    return RunConfig(
        method=METHOD,
        data=DataConfig(path=Path("data/earth-64"), view_a="satellite", view_b="map", load_size=64, crop_size=64),
        train=TrainConfig(total_kimg=2.4, batch_size_per_gpu=4),
        optimizer=OptimizerConfig(lr=4e-4),
        samples=SamplesConfig(period_kimg=0.8),
        checkpoint=CheckpointConfig(period_kimg=1.2),
    )


def presets() -> dict[str, RunConfig]:
    whole = base()

    def with_losses(*, conditional: bool, weight_gan: float, weight_l1: float) -> RunConfig:
        method = replace(METHOD, conditional=conditional, weight_gan=weight_gan, weight_l1=weight_l1)
        return replace(whole, method=method)

    return {
        "l1": with_losses(conditional=True, weight_gan=0, weight_l1=100),
        "gan": with_losses(conditional=False, weight_gan=1, weight_l1=0),
        "cgan": with_losses(conditional=True, weight_gan=1, weight_l1=0),
        "l1-gan": with_losses(conditional=False, weight_gan=1, weight_l1=100),
        "l1-cgan": whole,
    }

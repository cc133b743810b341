"""Sizes of networks and batches that a training step is timed at."""

from dataclasses import dataclass
from typing import Literal

import torch

from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.data.batch import Batch
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig


@dataclass(frozen=True, kw_only=True)
class Case:
    """A method, and one size of its networks and the batch."""

    title: str
    side: int
    num_filters: int
    batch_size: int
    generator: str
    """The incumbent's name for it."""
    target: float
    """Speed to reach against the incumbent."""
    num_downs: int = 0
    """Of pix2pix' U-Net."""
    method: Literal["pix2pix", "cyclegan"] = "pix2pix"

    def config(self) -> MethodConfig:
        if self.method == "cyclegan":
            return CycleGANConfig(
                generator=GeneratorConfig(
                    architecture="resnet", num_filters=self.num_filters, num_blocks=6, norm="instance", dropout=0.0
                ),
                discriminator=PatchGANConfig(num_filters=self.num_filters, norm="instance"),
            )
        return Pix2PixConfig(
            generator=GeneratorConfig(num_filters=self.num_filters, num_downs=self.num_downs),
            discriminator=PatchGANConfig(num_filters=self.num_filters),
        )

    def batch(self, device: torch.device) -> Batch:
        size = (self.batch_size, 3, self.side, self.side)
        a, b = (torch.rand(size, device=device) * 2 - 1 for _ in range(2))
        return Batch(a=a, b=b, index=torch.arange(self.batch_size))


CASES = (
    Case(
        title="128 px, ngf 32, batch 4",
        side=128,
        num_filters=32,
        num_downs=7,
        batch_size=4,
        generator="unet_128",
        target=1.5,
    ),
    Case(
        title="U-Net 256, ngf 64, batch 1",
        side=256,
        num_filters=64,
        num_downs=8,
        batch_size=1,
        generator="unet_256",
        target=1.7,
    ),
)
"""Of pix2pix."""
CYCLEGAN = Case(
    title="128 px, ResNet of 6 blocks, ngf 64, batch 1",
    side=128,
    num_filters=64,
    batch_size=1,
    generator="resnet_6blocks",
    target=1.5,
    method="cyclegan",
)

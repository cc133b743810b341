"""pix2pix on the embedded earth set, 128 px: shaded relief -> satellite photo.

Command: `make launch`. Hardware, time and score: not yet run.
"""

from pathlib import Path

from trainer.config import (
    DataConfig,
    LogConfig,
    PatchGANConfig,
    Pix2PixConfig,
    RunConfig,
    TrainConfig,
    UNetConfig,
)


def preset() -> RunConfig:
    return RunConfig(
        method=Pix2PixConfig(
            generator=UNetConfig(num_filters=32, num_downs=7),
            discriminator=PatchGANConfig(num_filters=32),
        ),
        # The set's training tiles overlap by three quarters, which moves the image as a random crop would.
        data=DataConfig(path=Path("data/earth-128"), view_a="relief", view_b="satellite", load_size=128),
        train=TrainConfig(total_kimg=12, batch_size_per_gpu=4),
        log=LogConfig(),
    )

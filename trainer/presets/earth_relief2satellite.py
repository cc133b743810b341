"""pix2pix on the embedded earth set, 128 px: shaded relief -> satellite photo.

Command: `make launch`. On two cores of an AMD EPYC (AVX2, no GPU) in 5 min 26 s: held-out PSNR 19.30 dB, against
14.49 dB for the constant mean image and 6.79 dB for the input itself; SSIM 0.470, against
0.464 and 0.258. On one with AVX-512 and bf16, which trains at 28 images/s: 19.22 dB.
"""

from pathlib import Path

from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig
from trainer.config.evaluate import EvaluateConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.samples import SamplesConfig
from trainer.config.train import TrainConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.runs.config import RunConfig


def preset() -> RunConfig:
    return RunConfig(
        method=Pix2PixConfig(
            # Instance norm is the paper's batch norm at batch size 1: what an image becomes depends on no other image.
            generator=GeneratorConfig(num_filters=32, num_downs=7, norm="instance"),
            discriminator=PatchGANConfig(num_filters=16, norm="instance"),
        ),
        # The set's training tiles overlap by three quarters, which moves the image as a random crop would.
        data=DataConfig(path=Path("data/earth-128"), view_a="relief", view_b="satellite", load_size=128),
        train=TrainConfig(total_kimg=3.2, batch_size_per_gpu=4),
        # Twice the paper's rate, and it falls: the run is a few minutes long. `papers.py` has the paper's own.
        optimizer=OptimizerConfig(lr=4e-4),
        samples=SamplesConfig(period_kimg=0.8),
        evaluate=EvaluateConfig(period_kimg=1.6),
        checkpoint=CheckpointConfig(period_kimg=1.6),
    )

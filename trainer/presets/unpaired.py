"""The methods that learn without pairs, on one data set: shaded relief -> elevation in colours of the
embedded earth set, 32 px.

The pairs are known to the scores only: in training, each view comes in an order of its own. `unpaired-pix2pix` is the
paired method on the same data, for comparison.

On two cores minutes each, 4.8 kimg; the scores of all are in `docs/methods.md`. Networks, rates and batches are made
for that, and are not the papers' (`papers.py`).

Command: `diptych table unpaired` trains all; `diptych launch unpaired-cyclegan` trains one.
"""

from dataclasses import replace
from pathlib import Path

from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig
from trainer.config.evaluate import EvaluateConfig
from trainer.config.latent import DecoderConfig, DiscriminatorConfig
from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.pretrained import PretrainedConfig
from trainer.config.samples import SamplesConfig
from trainer.config.train import TrainConfig
from trainer.methods.bigan_image.config import BiGANImageConfig
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.cut.config import CUTConfig, cut_generator
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.discogan.config import DiscoGANConfig, FeatureDiscriminatorConfig
from trainer.methods.dualgan.config import DualGANConfig
from trainer.methods.feature_gan.config import FeatureGANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.pixel_gan.config import PixelGANConfig
from trainer.runs.config import RunConfig

_GENERATOR = GeneratorConfig(num_filters=32, num_downs=4, norm="instance", dropout=0.0)
_RESNET = replace(_GENERATOR, architecture="resnet", num_blocks=5)
_DISCRIMINATOR = PatchGANConfig(num_filters=24, num_layers=2, norm="instance")
_ADAM = OptimizerConfig(lr=4e-4, discriminator_lr_factor=0.5)


def base(method: MethodConfig, optimizer: OptimizerConfig = _ADAM) -> RunConfig:
    """What all of them share."""
    return RunConfig(
        method=method,
        data=DataConfig(path=Path("data/earth-128"), view_a="relief", view_b="elevation", load_size=32, crop_size=32),
        train=TrainConfig(total_kimg=4.8, batch_size_per_gpu=8),
        optimizer=optimizer,
        samples=SamplesConfig(period_kimg=1.6),
        evaluate=EvaluateConfig(period_kimg=1.6),
        checkpoint=CheckpointConfig(period_kimg=3.2),
    )


def presets() -> dict[str, RunConfig]:
    dualgan = DualGANConfig(generator=replace(_GENERATOR, dropout=0.5), discriminator=_DISCRIMINATOR)
    return {
        **_contrastive(),
        "cyclegan": base(CycleGANConfig(generator=_GENERATOR, discriminator=_DISCRIMINATOR)),
        "cyclegan-resnet": base(CycleGANConfig(generator=_RESNET, discriminator=_DISCRIMINATOR)),
        "dualgan": base(dualgan, OptimizerConfig(algorithm="rmsprop", lr=2e-4)),
        "bigan": base(BiGANImageConfig(generator=_GENERATOR, discriminator=_DISCRIMINATOR)),
        "cogan": base(
            CoGANConfig(
                generator=DecoderConfig(num_filters=32),
                discriminator=DiscriminatorConfig(num_filters=32),
                num_restarts=2,
            )
        ),
        "feature-gan": base(
            FeatureGANConfig(
                generator=_GENERATOR,
                discriminator=_DISCRIMINATOR,
                pretrained=PretrainedConfig(network="mobilenet_v2", layer="features.6", side=64),
            )
        ),
        "pix2pix": base(Pix2PixConfig(generator=replace(_GENERATOR, dropout=0.5), discriminator=_DISCRIMINATOR)),
        "pixel-gan": base(PixelGANConfig(generator=_GENERATOR, discriminator=_DISCRIMINATOR)),
        "discogan": base(_discogan()),
    }


def _contrastive() -> dict[str, RunConfig]:
    """Of a ResNet, whose fifth block is the last layer that is compared; narrower than the others', for it takes long.

    The rate is the paper's, and batches are small, for they make more steps of the same images (`docs/log.md`).
    """
    generator = replace(cut_generator(), num_filters=16, num_blocks=5)
    cut = CUTConfig(generator=generator, discriminator=replace(_DISCRIMINATOR, num_filters=16))
    fastcut = replace(cut, weight_nce=10.0, weight_identity=0.0, flips=True)
    runs = {"cut": base(cut, OptimizerConfig()), "fastcut": base(fastcut, OptimizerConfig())}
    return {name: replace(run, train=replace(run.train, batch_size_per_gpu=4)) for name, run in runs.items()}


def _discogan() -> DiscoGANConfig:
    return DiscoGANConfig(
        # Without skips, instance norm on the few pixels at the bottleneck leaves nothing of the input: every
        # image became the same texture. The paper's own is batch norm.
        generator=replace(_GENERATOR, skips="none", norm="batch"),
        discriminator=FeatureDiscriminatorConfig(num_filters=24, num_layers=3, norm="batch"),
    )

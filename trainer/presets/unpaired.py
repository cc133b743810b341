"""The methods that learn without pairs, on one data set: elevation in colours -> map of the embedded earth set, 32 px.

The pairs are known to the scores only: in training, each view comes in an order of its own.

Command: `diptych table unpaired` trains all; `diptych launch unpaired-cyclegan` trains one.
"""

from dataclasses import replace
from pathlib import Path

from trainer.config import (
    BiGANImageConfig,
    CoGANConfig,
    CycleGANConfig,
    DataConfig,
    DecoderConfig,
    DiscoGANConfig,
    DiscriminatorConfig,
    DualGANConfig,
    FeatureDiscriminatorConfig,
    FeatureGANConfig,
    GeneratorConfig,
    LogConfig,
    MethodConfig,
    OptimizerConfig,
    PatchGANConfig,
    PixelGANConfig,
    PretrainedConfig,
    RunConfig,
    TrainConfig,
)

_GENERATOR = GeneratorConfig(num_filters=32, num_downs=4, norm="instance", dropout=0.0)
_DISCRIMINATOR = PatchGANConfig(num_filters=24, num_layers=2, norm="instance")


def base(method: MethodConfig) -> RunConfig:
    """What all of them share."""
    return RunConfig(
        method=method,
        data=DataConfig(path=Path("data/earth-128"), view_a="elevation", view_b="map", load_size=32, crop_size=32),
        train=TrainConfig(total_kimg=8.0, batch_size_per_gpu=8),
        optimizer=OptimizerConfig(lr=4e-4, discriminator_lr_factor=0.5),
        log=LogConfig(samples_kimg=2.0, checkpoint_kimg=4.0, evaluate_kimg=2.0),
    )


def presets() -> dict[str, RunConfig]:
    dualgan = base(DualGANConfig(generator=replace(_GENERATOR, dropout=0.5), discriminator=_DISCRIMINATOR))
    return {
        "cyclegan": base(CycleGANConfig(generator=_GENERATOR, discriminator=_DISCRIMINATOR)),
        "dualgan": replace(dualgan, optimizer=OptimizerConfig(algorithm="rmsprop", lr=2e-4, beta2=0.9)),
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
        "pixel-gan": base(PixelGANConfig(generator=_GENERATOR, discriminator=_DISCRIMINATOR)),
        "discogan": base(
            DiscoGANConfig(
                generator=replace(_GENERATOR, skips="none"),
                discriminator=FeatureDiscriminatorConfig(num_filters=24, num_layers=3, norm="instance"),
            )
        ),
    }

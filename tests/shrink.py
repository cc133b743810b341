"""Any configuration made small enough for a test, keeping what makes it differ from others."""

from dataclasses import replace
from pathlib import Path

from trainer.config import RunConfig

SIDE = 64
NUM_DOWNS = 5


def shrink(config: RunConfig, *, dataset: Path) -> RunConfig:
    """64 px, narrow networks, float32 on one CPU rank, on a data set with views `a` and `b`."""
    method = config.method
    return replace(
        config,
        method=replace(
            method,
            generator=replace(method.generator, num_filters=8, num_downs=NUM_DOWNS),
            discriminator=replace(method.discriminator, num_filters=8, num_layers=2),
        ),
        data=replace(config.data, path=dataset, view_a="a", view_b="b", load_size=72, crop_size=SIDE, num_threads=1),
        train=replace(config.train, batch_size_per_gpu=2, total_kimg=0.04),
        engine=replace(config.engine, device="cpu", precision="fp32"),
        log=replace(
            config.log,
            metrics_kimg=0.002,
            samples_kimg=0,
            evaluate_kimg=0,
            checkpoint_kimg=0,
            num_samples=1,
            wandb="disabled",
        ),
    )

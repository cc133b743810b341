"""Any configuration made small enough for a test, keeping what makes it differ from others."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from trainer.config.shrink import shrink as shrunk
from trainer.runs.config import RunConfig

_Section = TypeVar("_Section")

SIDE = 32

_LARGEST = {
    "num_filters": 8,
    "num_downs": 4,
    "num_layers": 2,
    "num_blocks": 2,
    "num_inversion_steps": 3,
    "num_restarts": 1,
    "pool_size": 3,
    "side": 0,  # of the images that pretrained networks see: as they are
}


def shrink(config: RunConfig, *, dataset: Path) -> RunConfig:
    """32 px, narrow networks, float32 on one CPU rank, on a data set with views `a` and `b` and the label `weight`."""
    return replace(
        config,
        method=shrink_section(config.method),
        data=replace(
            config.data,
            path=dataset,
            view_a="b" if config.data.view_a == config.data.view_b else "a",
            view_b="b",
            label=config.data.label and "weight",
            load_size=36,
            crop_size=SIDE,
            num_threads=1,
        ),
        train=replace(config.train, batch_size_per_gpu=4, total_kimg=0.08),
        engine=replace(config.engine, device="cpu", precision="fp32"),
        log=replace(config.log, period_kimg=0.004, measures=False, wandb="disabled"),
        samples=replace(config.samples, period_kimg=0, num_rows=1),
        evaluate=replace(config.evaluate, period_kimg=0),
        checkpoint=replace(config.checkpoint, period_kimg=0),
    )


def shrink_section(section: _Section) -> _Section:
    """A section with no number above those in `_LARGEST`, in whatever depth, as it says itself."""
    return shrunk(section, _LARGEST)

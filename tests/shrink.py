"""Any configuration made small enough for a test, keeping what makes it differ from others."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from trainer.runs.config import RunConfig

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
        log=replace(config.log, period_kimg=0.004, wandb="disabled"),
        samples=replace(config.samples, period_kimg=0, num_rows=1),
        evaluate=replace(config.evaluate, period_kimg=0),
        checkpoint=replace(config.checkpoint, period_kimg=0),
    )


def shrink_section(section: Any) -> Any:
    """A section with no number above those in `_LARGEST`, in whatever depth."""
    changes = {}
    for field in fields(section):
        value = getattr(section, field.name)
        if is_dataclass(value):
            changes[field.name] = shrink_section(value)
        elif field.name in _LARGEST:
            changes[field.name] = min(value, _LARGEST[field.name])
    return replace(section, **changes)

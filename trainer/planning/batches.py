"""Batches of a run's shapes without its data set: noise, with labels and classes by chance."""

import torch
from torch import Tensor

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.runs.config import RunConfig


def made_up_batch(config: RunConfig, task: Task, *, batch_size: int, device: torch.device) -> Batch:
    """As the loader gives it: images channels_last, `a` and `b` one tensor where the method learns from one view."""
    generator = torch.Generator().manual_seed(0)

    def image(channels: int) -> Tensor:
        pixels = torch.rand((batch_size, *config.data.crop_shape, channels), generator=generator)
        return (2 * pixels - 1).permute(0, 3, 1, 2).to(device)

    def numbers(most: int, *shape: int) -> Tensor:
        return torch.randint(most, (batch_size, *shape), generator=generator).to(device)

    b = image(task.channels_b)
    labels = {name: numbers(number) for name, number in task.num_values.items()}
    return Batch(
        a=b if config.method.pairing == "single" else image(task.channels_a),
        b=b,
        c=image(task.channels_c) if task.channels_c else None,
        label=None if config.data.label is None else labels[config.data.label],
        labels=labels,
        classes={view: numbers(len(task.class_colors), *config.data.crop_shape) for view in config.method.class_views},
        index=torch.arange(batch_size),
        keys=tuple(map(str, range(batch_size))),
        seed=config.train.seed,
    )

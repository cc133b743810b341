"""The learning rate as a function of the position: nothing to save, nothing to step."""

from trainer.config import OptimizerConfig


def learning_rate(config: OptimizerConfig, *, position: int, total: int) -> float:
    """At `position` of `total` images.

    `linear` is that of Isola et al. 2017's code: constant up to `decay_start`, then falling to zero at the end.
    """
    if config.schedule == "constant":
        return config.lr
    start = config.decay_start * total
    remaining = (total - position) / (total - start)
    return config.lr * max(0.0, min(1.0, remaining))

"""The learning rate as a function of the position: nothing to save, nothing to step."""

import math

from trainer.config.optimizer import OptimizerConfig


def learning_rate(config: OptimizerConfig, *, position: int, total: int) -> float:
    """The rate at `position` of `total` images; a player has its own multiple of it (`OptimizerConfig.lr_factor`).

    `linear` is that of Zhu et al. 2017's code: constant up to `decay_start`, then falling to zero at the end. `cosine`
    falls along half a cosine wave (Loshchilov & Hutter 2017, equation 5), `exponential` by the same factor with each
    image, to `decay_factor` at the end (Donahue et al. 2017), `step` by that factor after each `decay_start`. During
    the warm-up image number n of N has n/N of it.
    """
    rate = config.lr * _left(config, position / total)
    warmup = 1000 * config.warmup_kimg
    return rate * (position + 1) / warmup if position + 1 < warmup else rate


def _left(config: OptimizerConfig, done: float) -> float:
    """What the schedule leaves of the rate after a share of the run."""
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "step":
        return config.decay_factor ** math.floor(done / config.decay_start)
    remaining = max(0.0, min(1.0, (1 - done) / (1 - config.decay_start)))
    if config.schedule == "exponential":
        return config.decay_factor ** (1 - remaining)
    if config.schedule == "cosine":
        return (1 - math.cos(math.pi * remaining)) / 2
    return remaining

"""The learning rate as a function of the position: nothing to save, nothing to step."""

import math

from trainer.config.optimizer import OptimizerConfig

STEP_FACTOR = 0.1


def learning_rate(config: OptimizerConfig, *, position: int, total: int) -> float:
    """The rate at `position` of `total` images; of discriminators it is multiplied by `discriminator_lr_factor`.

    `linear` is that of Isola et al. 2017's code: constant up to `decay_start`, then falling to zero at the end.
    `cosine` falls along half a cosine wave (Loshchilov & Hutter 2017, equation 5), `step` to a tenth after each
    `decay_start`.
    """
    done = position / total
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "step":
        return config.lr * STEP_FACTOR ** math.floor(done / config.decay_start)
    remaining = max(0.0, min(1.0, (1 - done) / (1 - config.decay_start)))
    if config.schedule == "cosine":
        return config.lr * (1 - math.cos(math.pi * remaining)) / 2
    return config.lr * remaining

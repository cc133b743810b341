"""The optimizer of one player."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from trainer.config.optimizer import Algorithm, OptimizerConfig
from trainer.engine.fused_adam import FusedAdam


def make_optimizer(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer of the networks of one player, by its own settings; its rate is set anew before each step."""
    return _ALGORITHMS[config.algorithm](parameters, config)


def _adam(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> torch.optim.Optimizer:
    return FusedAdam(
        parameters,
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        weight_decay=config.weight_decay,
        decouples_decay=config.algorithm == "adamw",
    )


def _rmsprop(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> torch.optim.Optimizer:
    decay = config.weight_decay
    return torch.optim.RMSprop(parameters, lr=config.lr, alpha=config.rmsprop_decay, weight_decay=decay, foreach=True)


def _adagrad(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> torch.optim.Optimizer:
    return torch.optim.Adagrad(parameters, lr=config.lr, weight_decay=config.weight_decay, foreach=True)


_ALGORITHMS: dict[Algorithm, Callable[[Iterable[nn.Parameter], OptimizerConfig], torch.optim.Optimizer]] = {
    "adam": _adam,
    "adamw": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
}


def clip_after_each_step(engine: Any, limit: float) -> None:
    """Cut weights to plus or minus `limit` after each step of a DeepSpeed engine (Arjovsky et al. 2017); 0 is off.

    By a hook of the optimizer and not on the networks: ZeRO's optimizer works on flat master copies of the weights, and
    would overwrite networks that were clipped. Of the engine's own optimizer, since ZeRO makes Adagrad anew.
    """

    if limit == 0:
        return

    @torch.no_grad()
    def clip(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.clamp_(-limit, limit)

    getattr(engine.optimizer, "optimizer", engine.optimizer).register_step_post_hook(clip)

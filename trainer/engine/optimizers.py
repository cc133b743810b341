"""The optimizer of one player."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from trainer.config.optimizer import OptimizerConfig


def make_optimizer(
    parameters: Iterable[nn.Parameter], *, config: OptimizerConfig, weight_clip: float
) -> torch.optim.Optimizer:
    """The optimizer of the networks of one player; its learning rate is set anew before each step.

    Args:
        weight_clip: after each step weights are cut to plus or minus this (Arjovsky et al. 2017); 0 is off.
    """
    optimizer: torch.optim.Optimizer
    if config.algorithm == "adam":
        optimizer = torch.optim.Adam(
            parameters,
            lr=config.lr,
            betas=(config.beta1, config.beta2),
            weight_decay=config.weight_decay,
            fused=True,
        )
    else:
        optimizer = torch.optim.RMSprop(
            parameters, lr=config.lr, alpha=config.rmsprop_decay, weight_decay=config.weight_decay, foreach=True
        )
    if weight_clip > 0:
        _clip_after_each_step(optimizer, weight_clip)
    return optimizer


def _clip_after_each_step(optimizer: torch.optim.Optimizer, limit: float) -> None:
    """Clip by a hook of the optimizer and not on the networks: ZeRO's optimizer works on flat master copies of the
    weights, and would overwrite networks that were clipped.
    """

    @torch.no_grad()
    def clip(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.clamp_(-limit, limit)

    optimizer.register_step_post_hook(clip)

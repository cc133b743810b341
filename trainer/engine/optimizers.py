"""The optimizer of one player."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from trainer.config.optimizer import Algorithm, OptimizerConfig
from trainer.engine.eager_optimizers import eager
from trainer.engine.fused_adam import FusedAdam


def make_optimizer(
    parameters: Iterable[nn.Parameter], config: OptimizerConfig, *, is_eager: bool = False
) -> torch.optim.Optimizer:
    """The optimizer of the networks of one player, by its own settings; its rate is set anew before each step.

    Args:
        is_eager: it need not be known to `torch.compile`; then it loads nothing of the compiler, which takes seconds,
            but for Adagrad at ZeRO, of which DeepSpeed makes one of torch's own.
    """
    known: Any = _KINDS[config.algorithm]
    kind: Any = eager(known) if is_eager else known
    return kind(parameters, lr=config.lr, weight_decay=config.weight_decay, **_own_options(config))


def _own_options(config: OptimizerConfig) -> dict[str, Any]:
    if config.algorithm in ("adam", "adamw"):
        return {"betas": (config.beta1, config.beta2), "decouples_decay": config.algorithm == "adamw"}
    return {"foreach": True} | ({"alpha": config.rmsprop_decay} if config.algorithm == "rmsprop" else {})


_KINDS: dict[Algorithm, Any] = {
    "adam": FusedAdam,
    "adamw": FusedAdam,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
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

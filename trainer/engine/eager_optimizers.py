"""torch's optimizers without torch's compiler: their arithmetic is the same, and starting does not wait for it.

Every optimizer of torch 2.14 imports `torch._dynamo` when it is made and in each step, only to keep itself from being
compiled. That is a quarter of the time from a command to its first step, and there is no switch.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

_KEPT_FROM_COMPILING = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


@cache
def eager(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """The optimizer `kind` of torch, for networks that are not compiled: each of its methods as torch wrote it.

    What it keeps and how it is called are those of `kind`, so that checkpoints of both are the same.
    """
    own: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in _KEPT_FROM_COMPILING}
    return type(kind.__name__, (kind,), own | {"step": _without_gradients(inspect.unwrap(kind.step))})


def _without_gradients(step: Callable[..., Any]) -> Callable[..., Any]:
    """Weights change in place, which autograd forbids: torch's wrapper does this, between marks for the compiler."""

    def step_without_gradients(self: torch.optim.Optimizer, *arguments: Any, **options: Any) -> Any:
        with torch.no_grad():
            return step(self, *arguments, **options)

    return step_without_gradients

"""torch's DDP without torch's compiler, for networks that are not compiled: two ranks start as soon as one.

DDP of torch 2.14 loads `torch._dynamo`, which takes seconds, twice: to ask how it would reduce the gradients of a
compiled network, and to keep its own forward from being compiled. Neither changes what it does here.
"""

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

_REDUCER = "ddp_optimizer"
"""torch's own default: the reducer in C++, not that in Python, which only compiled networks have."""


class EagerDDP(DistributedDataParallel):
    """DDP of a network that is not compiled. Its arguments, and all that it does, are torch's."""

    _inside_ddp_forward: Any = contextmanager(inspect.unwrap(DistributedDataParallel._inside_ddp_forward))

    def __init__(self, module: nn.Module, **options: Any) -> None:
        with _compiler_not_asked():
            super().__init__(module, **options)


@contextmanager
def _compiler_not_asked() -> Iterator[None]:
    """A stand-in gives the one answer that DDP wants of the compiler, unless that is loaded anyhow."""
    if "torch._dynamo" in sys.modules:
        yield
        return
    stand_in = SimpleNamespace(utils=SimpleNamespace(get_optimize_ddp_mode=lambda: _REDUCER))
    torch.__dict__["_dynamo"] = stand_in
    try:
        yield
    finally:
        if torch.__dict__.get("_dynamo") is stand_in:  # else what was made meanwhile has loaded the real one
            del torch.__dict__["_dynamo"]

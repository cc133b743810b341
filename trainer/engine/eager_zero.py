"""ZeRO without torch's compiler, for networks that are not compiled: ranks start seconds sooner.

DeepSpeed keeps its own functions at ZeRO 3 from being compiled, some as it is set up and others as they are first
called, and torch loads its compiler to mark them. Where nothing is compiled there is nothing to keep from it. And it
loads Triton, for kernels that only a GPU has.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._compile import _disable_dynamo

_MARK = "__dynamo_disable"
"""Of a function: where `torch._disable_dynamo` keeps its marked form, which it makes at the first call."""


@contextmanager
def eager_zero(*, is_eager: bool) -> Iterator[None]:
    """Set up a DeepSpeed engine within; `is_eager`: its networks are not compiled.

    Another engine of the process may be: its functions are marked as DeepSpeed has it.
    """
    _leave_unmarked(is_eager=is_eager)
    if not is_eager or "torch._dynamo" in sys.modules:
        yield
        return
    compile_, disable = torch.compile, torch.compiler.disable
    torch.compile, torch.compiler.disable = _unmarked, _unmarked  # the first by an optimizer that is not used, Muon
    try:
        with _without_triton():
            yield
    finally:
        torch.compile, torch.compiler.disable = compile_, disable


@contextmanager
def _without_triton() -> Iterator[None]:
    """Where there is no GPU, DeepSpeed finds Triton absent, and goes without it as it would be then."""
    if torch.cuda.is_available() or "triton" in sys.modules:
        yield
        return
    sys.modules["triton"] = None  # pyright: ignore[reportArgumentType]  (how Python notes what is not to be imported)
    try:
        yield
    finally:
        del sys.modules["triton"]


def _unmarked(function: Any = None, **_: Any) -> Any:
    """Stands for `torch.compile` and `torch.compiler.disable`, called or as decorators."""
    return _unmarked if function is None else function


def _leave_unmarked(*, is_eager: bool) -> None:
    """Have the functions that are marked at their first call run as they are, or be marked again."""
    from deepspeed.runtime.zero import partitioned_param_coordinator as coordinator

    for marked in (*vars(coordinator).values(), *vars(coordinator.PartitionedParameterCoordinator).values()):
        function = getattr(marked, "__wrapped__", None)
        if function is None or getattr(marked, "__code__", None) is not _MARKING:
            continue
        if is_eager and not hasattr(function, _MARK):
            setattr(function, _MARK, function)
        elif not is_eager and getattr(function, _MARK, None) is function:
            delattr(function, _MARK)


_MARKING = _disable_dynamo(_unmarked).__code__
"""Of every function that is marked at its first call."""

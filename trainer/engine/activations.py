"""Activation checkpointing (Chen et al. 2016, arXiv:1604.06174): memory for time."""

from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    CheckpointImpl,
    apply_activation_checkpointing,
    checkpoint_wrapper,
)

from trainer.engine.buffers import BuffersAsNow
from trainer.methods.freezing import FlagsAsNow
from trainer.networks.layers import Block


def recompute_activations(networks: nn.Module) -> None:
    """Let each `Block` keep its input only from now on, and compute what is inside again in the backward pass.

    Names in state dicts stay the same. Dropout is drawn the same again, buffers move once for the two passes, and
    weights that were frozen in the first are in the second.
    """
    apply_activation_checkpointing(
        networks, checkpoint_wrapper_fn=_recomputed, check_fn=lambda module: isinstance(module, Block)
    )


def _recomputed(block: nn.Module) -> nn.Module:
    return checkpoint_wrapper(
        block, checkpoint_impl=CheckpointImpl.NO_REENTRANT, context_fn=partial(_contexts_of_passes, block)
    )


class _FirstPass(AbstractContextManager[None]):
    """Inside, a block has buffers and frozen weights as when this was made; outside, as if nothing was."""

    def __init__(self, block: nn.Module) -> None:
        self._parts = (BuffersAsNow(block), FlagsAsNow(block.parameters()))
        self._inside: list[ExitStack] = []

    def __enter__(self) -> None:
        stack = ExitStack()
        for part in self._parts:
            stack.enter_context(part)
        self._inside.append(stack)

    def __exit__(self, *error: object) -> None:
        self._inside.pop().close()


def _contexts_of_passes(block: nn.Module) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Called before each pass: what surrounds it, and what surrounds its repetition."""
    return nullcontext(), _FirstPass(block)

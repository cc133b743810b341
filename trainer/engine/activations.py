"""Activation checkpointing (Chen et al. 2016, arXiv:1604.06174): memory for time."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    CheckpointImpl,
    apply_activation_checkpointing,
    checkpoint_wrapper,
)

from trainer.networks.layers import Block


def recompute_activations(networks: nn.Module) -> None:
    """Let each `Block` keep its input only from now on, and compute what is inside again in the backward pass.

    Names in state dicts stay the same. Dropout is drawn the same again, and buffers move once for the two passes.
    """
    apply_activation_checkpointing(
        networks, checkpoint_wrapper_fn=_recomputed, check_fn=lambda module: isinstance(module, Block)
    )


def _recomputed(block: nn.Module) -> nn.Module:
    return checkpoint_wrapper(
        block, checkpoint_impl=CheckpointImpl.NO_REENTRANT, context_fn=partial(_contexts_of_passes, block)
    )


def _contexts_of_passes(block: nn.Module) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Called before each pass: what surrounds it, and what surrounds its repetition."""
    return nullcontext(), _BuffersAsNow(block)


class _BuffersAsNow(AbstractContextManager[None]):
    """Inside, a block has copies of its buffers as they were when this was made; outside, they are as if nothing was.

    Spectral norm goes on with its estimate in each pass: repeated from there, the weights would be others than in the
    first pass, and so the gradients. Batch norm would count each batch twice.
    """

    def __init__(self, block: nn.Module) -> None:
        self._places = [
            (module, name, buffer, buffer.clone())
            for module in block.modules()
            for name, buffer in module.named_buffers(recurse=False)
        ]

    def __enter__(self) -> None:
        for module, name, _, value in self._places:
            setattr(module, name, value.clone())  # once more: gradients of gradients repeat the pass twice

    def __exit__(self, *error: object) -> None:
        for module, name, buffer, _ in self._places:
            setattr(module, name, buffer)

"""Activation checkpointing (Chen et al. 2016, arXiv:1604.06174): memory for time."""

from functools import partial

from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    CheckpointImpl,
    apply_activation_checkpointing,
    checkpoint_wrapper,
)

from trainer.networks.layers import Block


def recompute_activations(networks: nn.Module) -> None:
    """From now on each `Block` keeps its input only, and computes what is inside again in the backward pass.

    Names in state dicts stay the same. Dropout is drawn the same again.
    """
    apply_activation_checkpointing(
        networks,
        checkpoint_wrapper_fn=partial(checkpoint_wrapper, checkpoint_impl=CheckpointImpl.NO_REENTRANT),
        check_fn=lambda module: isinstance(module, Block),
    )

"""Several batches through a network in one call, where images of one meet nothing of another."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils import parametrize
from torch.utils._pytree import tree_flatten, tree_unflatten


def keeps_images_apart(module: nn.Module) -> bool:
    """Whether each image's result is the same whatever others are with it, and however often the network is called.

    Batch norm mixes images, dropout draws masks for as many as there are, and each call moves spectral norm's estimate.
    """
    return not any(
        isinstance(layer, _BatchNorm | _DropoutNd) or parametrize.is_parametrized(layer) for layer in module.modules()
    )


def joined(call: Callable[[Tensor], Any], batches: tuple[Tensor, ...]) -> tuple[Any, ...]:
    """What `call` makes of each batch (N, ...), tensors or tuples of them, by one call; batches differ in N alone."""
    sizes = [len(batch) for batch in batches]
    leaves, form = tree_flatten(call(torch.cat(batches)))
    parts = zip(*(leaf.split(sizes) for leaf in leaves), strict=True)
    return tuple(tree_unflatten(part, form) for part in parts)

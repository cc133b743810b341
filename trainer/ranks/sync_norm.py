"""Batch normalisation over the batch of all ranks (torch's own SyncBatchNorm needs a GPU)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class SyncBatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d`, and for (N, C) inputs `nn.BatchNorm1d`, with statistics over all ranks in training.

    Every rank calls it with a batch of equal size, the same number of times. In evaluation it calls no other rank.
    """

    synchronises = True
    """Set to False on a copy that one rank uses by itself."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 4):
            raise ValueError(f"expected (N, C) or (N, C, H, W), got {tuple(input.shape)}.")

    def forward(self, input: Tensor) -> Tensor:
        if not (self.training and self.synchronises and dist.get_world_size() > 1):
            return super().forward(input)
        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(input.dim())]
        values = input.float()
        mean = mean_over_ranks(values.mean(axes))
        # Of the differences to the mean: the mean of squares less the squared mean cancels, and may become negative.
        centred = values - mean.view(shape)
        variance = mean_over_ranks(centred.square().mean(axes))
        self._follow(mean.detach(), variance.detach(), num_values=input.numel() // input.shape[1])
        scale = (variance + self.eps).rsqrt() * self.weight
        return (centred * scale.view(shape) + self.bias.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, *, num_values: int) -> None:
        """Running statistics, as torch keeps them: of the variance the unbiased estimate."""
        total = num_values * dist.get_world_size()
        momentum = cast(float, self.momentum)
        cast(Tensor, self.running_mean).lerp_(mean, momentum)
        cast(Tensor, self.running_var).lerp_(variance * total / (total - 1), momentum)
        cast(Tensor, self.num_batches_tracked).add_(1)


def mean_over_ranks(values: Tensor) -> Tensor:
    """The mean, with gradients: each rank's values have a part in what every rank makes of the mean.

    Every rank calls it the same number of times, with values of one shape.
    """
    world_size = dist.get_world_size()
    return all_reduce(values) / world_size if world_size > 1 else values


def synchronise(network: nn.Module) -> None:
    """Replace every batch norm inside `network`, keeping its parameters and statistics."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            norm = SyncBatchNorm(child.num_features, eps=child.eps, momentum=child.momentum)
            norm.load_state_dict(child.state_dict())
            setattr(network, name, norm)
        else:
            synchronise(child)


def stop_synchronising(network: nn.Module) -> None:
    """Let the batch norms of a copy use the statistics of what they are given: other ranks do not call it."""
    for module in network.modules():
        if isinstance(module, SyncBatchNorm):
            module.synchronises = False


@contextmanager
def alone(network: nn.Module) -> Iterator[None]:
    """Inside, one rank can call a network by itself: its batch norms use the statistics of what they are given."""
    norms = [module for module in network.modules() if isinstance(module, SyncBatchNorm) and module.synchronises]
    for norm in norms:
        norm.synchronises = False
    try:
        yield
    finally:
        for norm in norms:
            norm.synchronises = True

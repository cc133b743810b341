"""Adam, fused, of weights in whatever layout: a mismatch would step the wrong elements in silence, or copy for nothing.

torch's fused step on a CPU goes through a weight, its gradient and its two averages as they lie in memory, and does not
look at strides (torch 2.14, FusedAdamKernel.cpp). Two things follow. Where one of the four lies in another order than
the rest it takes the wrong elements in silence: so do averages that were saved by a run with channels_last weights
(bf16), for one with contiguous weights (float32). And it copies every gradient that is not contiguous, for nothing:
with channels_last weights a step took twice as long.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_AVERAGES = ("exp_avg", "exp_avg_sq")


class FusedAdam(torch.optim.Adam):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980), fused: as torch's, given each weight as a contiguous view.

    Args:
        decouples_decay: AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101): decay is no part of the gradient.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
        decouples_decay: bool,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            betas=betas,
            weight_decay=weight_decay,
            decoupled_weight_decay=decouples_decay,
            fused=True,
        )

    def _init_group(  # pyright: ignore[reportIncompatibleMethodOverride]  torch's `step` gives all by place
        self, group: dict[str, Any], weights: list[Any], gradients: list[Tensor], *rest: list[Tensor]
    ) -> bool:
        """What torch's `step` works on: it fills the lists, of which the first of `rest` are the averages."""
        for weight in group["params"]:
            self._store_averages_as(weight)
        is_complex = super()._init_group(group, weights, gradients, *rest)
        for place, weight in enumerate(weights):
            layout = _layout(weight)
            gradients[place] = gradients[place].contiguous(memory_format=layout)
            if layout == torch.channels_last:
                for tensors in (weights, gradients, *rest[: len(_AVERAGES)]):
                    tensors[place] = tensors[place].permute(0, 2, 3, 1)
        return is_complex

    def _store_averages_as(self, weight: nn.Parameter) -> None:
        """Lay a weight's averages out as the weight, if they are not: those of a checkpoint come as they were saved."""
        state = self.state.get(weight, {})
        for name in _AVERAGES:
            if name in state:
                state[name] = state[name].contiguous(memory_format=_layout(weight))


def _layout(weight: Tensor) -> torch.memory_format:
    """Raises RuntimeError for a weight with gaps, or in a third order."""
    if weight.is_contiguous():
        return torch.contiguous_format
    if weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last):
        return torch.channels_last
    raise RuntimeError(
        f"A weight of {tuple(weight.shape)} has strides {weight.stride()}, which no fused step can take."
    )

"""Features of discriminators that generated images are to share with real ones."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def feature_matching(*, real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """L_FM of Wang et al. 2018 (arXiv:1711.11585, equation 4): the sum over layers of the mean absolute difference.

    Averaged over discriminators, as in the authors' code; the paper's equation 5 sums over them.

    Args:
        real: of each discriminator, of each layer: (N, C, H, W) of the real image.
        fake: the same of the image that was made from the same input.
    """
    scales = [
        torch.stack([F.l1_loss(ours, theirs) for ours, theirs in zip(made, wanted, strict=True)]).sum()
        for made, wanted in zip(fake, real, strict=True)
    ]
    return torch.stack(scales).mean()

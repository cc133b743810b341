"""How far translations are from their targets in the stages of a fixed network, without any learnt weight."""

from functools import partial

import torch
from torch import Tensor

from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.metrics.base import ImageMean, ScoredView


def stage_distance(fake_b: Tensor, real_b: Tensor, *, encoder: Encoder) -> Tensor:
    """The squared distance of unit features, its mean over places, and over the encoder's stages.

    Zhang et al. 2018 (arXiv:1801.03924), equation 1, with all weights w = 1, and the mean over stages in place of the
    sum. It is not LPIPS, whose weights are learnt from people's judgements, and whose network is another.

    Args:
        fake_b: (N, 1 or 3, H, W) in [-1, 1], rounded to 8 bits first, and resized as `Encoder` says.
        real_b: likewise.

    Returns:
        (N,) in 0..4: 0 for equal images, 2 where features have nothing in common.
    """
    stages = zip(encoder.stages(fake_b), encoder.stages(real_b), strict=True)
    return torch.stack([_apart(fakes, reals) for fakes, reals in stages]).mean(dim=0)


def _apart(fakes: Tensor, reals: Tensor) -> Tensor:
    """Maps (N, C, H, W) -> (N,)."""
    difference = _unit(fakes)
    difference -= _unit(reals)
    return difference.square_().sum(dim=1).mean(dim=(1, 2))


def _unit(features: Tensor) -> Tensor:
    """Of length 1 at each place. `F.normalize` takes four times as long where channels are not the last in memory."""
    return features / features.square().sum(dim=1, keepdim=True).sqrt_().clamp_min_(1e-10)


def make(view: ScoredView) -> ImageMean:
    """The mean over images, by the view's encoder."""
    assert view.encoder is not None
    return ImageMean(f"stage_distance/{view.encoder.name}", partial(stage_distance, encoder=view.encoder))

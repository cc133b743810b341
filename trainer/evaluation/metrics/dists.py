"""DISTS (Ding et al. 2020, arXiv:2004.07728): structure and texture, of VGG-16 with weights learnt from people."""

from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.metrics.base import ImageMean, ScoredView
from trainer.pictures.tensors import to_levels

_POOLS = (-1, 4, 9, 16, 23, 30)
"""Before the first layer, each pooling of VGG-16, and what follows the last stage."""
_CHANNELS = [3, 64, 128, 256, 512, 512]


class Dists:
    """Equation 6 of the paper, as torchmetrics has it, by the encoder's network.

    Args:
        encoder: of torchvision's VGG-16.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    @torch.no_grad()
    def __call__(self, fake_b: Tensor, real_b: Tensor) -> Tensor:
        """Images (N, 1 or 3, H, W) in [-1, 1] of 32 pixels a side or more -> (N,), 0 for equal images.

        They are rounded to 8 bits first, and not resized: the authors bring sides above 256 px to 256. Grey ones become
        RGB.
        """
        pairs = (to_levels(images, eight_bits=True).expand(-1, 3, -1, -1) / 255 for images in (fake_b, real_b))
        return self._network(*pairs).flatten()

    @cached_property
    def _network(self) -> nn.Module:
        """As torchmetrics makes it, which would download VGG-16."""
        from torchmetrics.functional.image import dists  # with torchvision, which takes a second

        from trainer.networks.pretrained_features import IMAGENET_MEAN, IMAGENET_STD

        network = dists.DISTSNetwork.__new__(dists.DISTSNetwork)
        nn.Module.__init__(network)
        layers = self.encoder.layers
        for number, (start, end) in enumerate(pairwise(_POOLS), start=1):
            pool = [dists.L2pooling(channels=_CHANNELS[number - 1])] * (number > 1)
            setattr(network, f"stage{number}", nn.Sequential(*pool, *layers[start + 1 : end]))
        network.chns = _CHANNELS
        network.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        network.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])
        learnt = torch.load(dists._PATH_WEIGHT_DISTS, map_location="cpu", weights_only=True)
        for name in ("alpha", "beta"):
            network.register_buffer(name, learnt[name].detach())
        return network.to(self.encoder.device)


def make(view: ScoredView) -> ImageMean:
    """The mean over images, by the view's encoder."""
    assert view.encoder is not None
    return ImageMean(f"dists/{view.encoder.name}", Dists(view.encoder))

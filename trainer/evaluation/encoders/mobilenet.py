"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) with torchvision's weights, as an encoder."""

from torch import Tensor, nn

from trainer.config.pretrained import PretrainedConfig
from trainer.networks.pretrained_features import PretrainedFeatures, load_pretrained

_ENDS = (1, 3, 6, 13, 17)
"""The last layer of each scale: a half, a quarter, ... of the image's side."""


class MobileNetV2Stages(nn.Module):
    """Its features up to the last, by the ends of the scales."""

    side = 224

    def __init__(self, features: PretrainedFeatures) -> None:
        super().__init__()
        self.features = features

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        """See `Backbone`: five maps of C = 16, 24, 32, 96, 320 and H = 112, 56, 28, 14, 7; D = 1280."""
        image, maps = (levels / 255 - self.features.mean) / self.features.std, []
        for number, layer in enumerate(self.features.layers):
            image = layer(image)
            if number in _ENDS:
                maps.append(image)
        return maps, image.mean(dim=(2, 3))


def load_mobilenet_v2() -> MobileNetV2Stages:
    """The network, on the CPU. Raises ConfigError if its weights are not there; see `load_pretrained`."""
    config = PretrainedConfig(network="mobilenet_v2", layer="features.18", side=0)
    return MobileNetV2Stages(load_pretrained(config)).eval()

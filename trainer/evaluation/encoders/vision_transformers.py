"""DINOv2 and CLIP as encoders: timm builds the vision transformers, a file gives their weights."""

from typing import Any

import torch
from torch import Tensor, nn

from trainer.config.encoders import OF_TIMM, EncoderName
from trainer.evaluation.encoders.weights_file import WeightsFile

_SIDE = 224
"""Of DINOv2 in Stein et al. 2023 (arXiv:2306.04675) and in its authors' tests. timm's 518 px, of the last steps of its
training, take six times as long; positions are interpolated from them."""


def load_vision_transformer(name: EncoderName, file: WeightsFile) -> "VisionTransformer":
    """The network with the file's weights, on the CPU. Raises ConfigError if they are not this network's."""
    file.require_package("timm")
    import timm

    resized: dict[str, Any] = {} if name.startswith("clip") else {"dynamic_img_size": True}
    with torch.device("meta"):  # neither draws nor keeps initial weights
        network = timm.create_model(OF_TIMM[name], pretrained=False, **resized)
    file.fill(network, name)
    return VisionTransformer(network).eval()


class VisionTransformer(nn.Module):
    """DINOv2 (Oquab et al. 2023, arXiv:2304.07193) or CLIP's for images (Radford et al. 2021, arXiv:2103.00020).

    The whole image's features are DINOv2's class token behind the last norm, and CLIP's image embedding, not of unit
    length. Mean and deviation are those of timm's configuration.

    Args:
        network: timm's.
    """

    side = _SIDE

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        """See `Backbone`: no maps, D = 384 (ViT-S/14), 1024 (ViT-L/14) or 512 (CLIP)."""
        config = self.network.pretrained_cfg
        mean, std = (levels.new_tensor(config[key])[:, None, None] for key in ("mean", "std"))
        return [], self.network((levels / 255 - mean) / std)

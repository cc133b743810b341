"""The discriminators of pix2pixHD (Wang et al. 2018, arXiv:1711.11585, section 3.2): one at each scale of an image."""

import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.networks import PatchGANConfig
from trainer.networks.patchgan import PatchGAN


class MultiScale(nn.Module):
    """Patch discriminators of one architecture, each with weights of its own, and images half as large as the last's.

    Args:
        in_channels: channels of the image, or of the pair, that is judged.
        num_scales: number of discriminators.

    Shape: (N, in_channels, H, W) -> for each scale a tuple: the activations of each layer but the last, then logits
    (N, 1, H', W'), as `PatchGAN` gives them for H, H / 2, H / 4, ... (rounded up).
    """

    def __init__(self, config: PatchGANConfig, *, in_channels: int, num_scales: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchGAN(config, in_channels=in_channels) for _ in range(num_scales))

    def forward(self, image: Tensor) -> tuple[tuple[Tensor, ...], ...]:
        """Features, and logits that are positive where a patch looks real, from the finest scale on."""
        judged: list[tuple[Tensor, ...]] = []
        for scale in self.scales:
            if judged:
                image = F.avg_pool2d(image, 3, stride=2, padding=1, count_include_pad=False)
            judged.append(scale(image, True))
        return tuple(judged)

"""Feature loss + GAN: SimGAN's loss on deep features (Zhu et al. 2017, arXiv:1703.10593, section 5.1.1)."""

import torch
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.methods.base import Method
from trainer.methods.feature_gan.config import FeatureGANConfig
from trainer.methods.shared.content_gan import ContentGAN
from trainer.networks.pretrained_features import load_pretrained


def build(config: FeatureGANConfig, task: Task) -> Method:
    """The output stays near its input in the features of a fixed network, which weight 0 does without.

    Raises:
        ConfigError: the network's weights are not there.
    """
    distance = FeatureDistance(load_pretrained(config.pretrained)) if config.weight_feature > 0 else None
    return ContentGAN(config, task, term="feature", weight=config.weight_feature, distance=distance)


class FeatureDistance:
    """Mean of |phi(G(x)) - phi(x)| over the features phi of one layer.

    phi is no player: it is not trained, averaged or kept in checkpoints. It computes in the images' float32, and moves
    to their device when it first sees them.
    """

    def __init__(self, features: nn.Module) -> None:
        self.features = features.eval().requires_grad_(False)
        self._device = torch.device("cpu")

    def __call__(self, output: Tensor, image: Tensor) -> Tensor:
        """The distance of (N, 1 or 3, H, W) in [-1, 1] each; the gradient reaches `output` alone."""
        if self._device != output.device:
            self.features.to(output.device)
            self._device = output.device
        with torch.no_grad():
            wanted = self.features(image)
        return (self.features(output) - wanted).abs().mean()

"""How far images lie apart in the features of a fixed network."""

import torch
from torch import Tensor, nn

from trainer.config.pretrained import PretrainedConfig


class FeatureDistance:
    """Mean of |phi(x) - phi(y)| over the features phi of one layer.

    phi is no player: it is not trained, averaged or kept in checkpoints. It computes in the images' float32, and moves
    to their device when it first sees them.
    """

    def __init__(self, features: nn.Module) -> None:
        self.features = features.eval().requires_grad_(False)
        self._device = torch.device("cpu")

    @classmethod
    def make(cls, config: PretrainedConfig, *, weight: float) -> "FeatureDistance | None":
        """The distance of a term of that weight; with 0 None, and nothing is loaded.

        Raises:
            ConfigError: the network's weights are not there.
        """
        if weight == 0:
            return None
        from trainer.networks.pretrained_features import load_pretrained  # with torchvision, which takes a second

        return cls(load_pretrained(config))

    def __call__(self, output: Tensor, image: Tensor) -> Tensor:
        """The distance of (N, 1 or 3, H, W) in [-1, 1] each; the gradient reaches `output` alone."""
        if self._device != output.device:
            self.features.to(output.device)
            self._device = output.device
        with torch.no_grad():
            wanted = self.features(image)
        return (self.features(output) - wanted).abs().mean()

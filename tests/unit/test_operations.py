"""The benchmark of limits counts the arithmetic of a step as torch does, and names what its time is spent on."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.operations import Operations, product_rate


def _train() -> None:
    torch.manual_seed(0)
    image = torch.randn(2, 3, 8, 8)
    conv, back = (torch.randn(shape, requires_grad=True) for shape in ((5, 3, 4, 4), (5, 3, 4, 4)))
    features = F.batch_norm(F.conv2d(image, conv, stride=2, padding=1), None, None, training=True)
    made: Tensor = F.conv_transpose2d(F.leaky_relu(features, 0.2), back, stride=2, padding=1)
    made.square().mean().backward()
    torch._foreach_mul_([conv.detach(), back.detach()], 0.9)  # pyright: ignore[reportPrivateImportUsage]


def test_arithmetic_is_counted_as_torch_does_and_given_to_layers():
    with FlopCounterMode(display=False) as counter:
        _train()
    with Operations() as operations:
        _train()
    assert operations.flops == counter.get_total_flops() > 0
    assert sum(spent.flops for spent in operations.by_layer.values()) == operations.flops
    assert set(operations.by_layer) == {
        "conv 4x4 / 2, 3 to 5, 8 px in, forward",
        "conv 4x4 / 2, 3 to 5, 8 px in, backward",
        "transposed conv 4x4 / 2, 5 to 3, 4 px in, forward",
        "transposed conv 4x4 / 2, 5 to 3, 4 px in, backward",
    }
    # 2 images of 4 x 4 results of 5 channels, each of 3 x 4 x 4 multiplications with their additions
    assert operations.by_kind["conv 4x4 / 2"].flops == 2 * 2 * 16 * 5 * 48


def test_each_kind_of_operation_has_its_own_line():
    with Operations() as operations:
        _train()
    assert {"conv 4x4 / 2", "transposed conv 4x4 / 2, backward", "norm", "activation", "optimizer"} <= set(
        operations.by_kind
    )
    assert operations.by_kind["norm"].calls == 2
    assert operations.by_kind["optimizer"].calls == 1
    assert all(spent.processor >= 0 for spent in operations.by_kind.values())


def test_the_rate_is_that_of_some_product():
    assert product_rate(torch.float32, sides=(64,), tries=20) > 0

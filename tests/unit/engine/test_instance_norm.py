"""Instance norm in both layouts against its definition, where torch's own gradient is wrong, and in networks."""

import copy
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.networks import GeneratorConfig
from trainer.engine.instance_norm import LayoutKeepingInstanceNorm, keep_layout
from trainer.engine.precision import autocasting
from trainer.networks.generator import build_generator

LAYOUTS = (torch.contiguous_format, torch.channels_last)
SHAPES = ((1, 6, 5, 4), (3, 6, 5, 4), (1, 1, 4, 4), (2, 1, 4, 4), (1, 4, 1, 4), (2, 4, 4, 1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("of_gradient", LAYOUTS)
def test_result_and_gradients_are_those_of_the_definition(
    shape: tuple[int, ...], layout: torch.memory_format, of_gradient: torch.memory_format
):
    norm = _norm(shape[1])
    given = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    gradient = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=of_gradient)
    wanted = [given, norm.weight, norm.bias]
    made, expected = norm(given), _defined(given, norm)
    assert made.stride() == given.stride()
    torch.testing.assert_close(made, expected)
    torch.testing.assert_close(
        torch.autograd.grad(made, wanted, gradient), torch.autograd.grad(expected, wanted, gradient)
    )


@pytest.mark.parametrize("num_images", [1, 2])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_have_gradients_as_penalties_need_them(num_images: int, layout: torch.memory_format):
    norm = _norm(3)
    given = torch.randn(num_images, 3, 3, 2, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()

    def normalised(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(norm, {"weight": weight, "bias": bias}, (features,))

    assert torch.autograd.gradgradcheck(normalised, (given, norm.weight, norm.bias))


def test_frozen_weights_take_no_gradient_and_pass_it_on():
    norm = _norm(3).requires_grad_(False)
    given = torch.randn(2, 3, 4, 4, dtype=torch.float64).contiguous(memory_format=torch.channels_last).requires_grad_()
    gradient = torch.randn_like(given)
    found = torch.autograd.grad(norm(given), given, gradient)
    torch.testing.assert_close(found, torch.autograd.grad(_defined(given, norm), given, gradient))
    assert norm.weight.grad is None


@pytest.mark.parametrize("architecture", ["resnet", "unet"])
def test_a_generator_in_bf16_has_the_gradients_of_one_in_float32_with_a_single_image(
    architecture: Literal["unet", "resnet"],
):
    """With torch's norms some of the ResNet's pointed away from where they should: their cosine was -0.36."""
    torch.manual_seed(0)
    config = GeneratorConfig(
        architecture=architecture, num_filters=8, num_blocks=2, num_downs=4, norm="instance", dropout=0.0
    )
    exact = build_generator(config, in_channels=3, out_channels=3)
    fast = copy.deepcopy(exact)
    keep_layout(fast)
    fast.to(memory_format=torch.channels_last)
    call = autocasting(fast, device=torch.device("cpu"), dtype=torch.bfloat16)
    image, target = torch.rand(2, 1, 3, 32, 32)
    for generate in (exact, call):
        F.mse_loss(generate(image), target).backward()
    for (name, one), other in zip(exact.named_parameters(), fast.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None
        assert F.cosine_similarity(one.grad.flatten(), other.grad.flatten(), dim=0) > 0.95, name


def test_only_norms_as_networks_have_them_are_changed_and_keep_their_names():
    networks = nn.Sequential(nn.InstanceNorm2d(4, affine=True), nn.InstanceNorm2d(4), nn.BatchNorm2d(4))
    names = list(networks.state_dict())
    keep_layout(networks)
    assert [type(layer) for layer in networks] == [LayoutKeepingInstanceNorm, nn.InstanceNorm2d, nn.BatchNorm2d]
    assert list(networks.state_dict()) == names


def test_a_single_pixel_is_rejected_as_by_torch():
    with pytest.raises(ValueError, match="spatial"):
        _norm(3)(torch.randn(2, 3, 1, 1, dtype=torch.float64))


def _norm(channels: int) -> nn.InstanceNorm2d:
    torch.manual_seed(1)
    norm = nn.InstanceNorm2d(channels, affine=True).double()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    keep_layout(norm)
    assert type(norm) is LayoutKeepingInstanceNorm
    return norm


def _defined(features: Tensor, norm: nn.InstanceNorm2d) -> Tensor:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, over the pixels of each channel of each image."""
    variance, mean = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
    scale, shift = (values[:, None, None] for values in (norm.weight, norm.bias))
    return scale * (features - mean) / (variance + norm.eps).sqrt() + shift

"""Convolutions as matrix products give what convolutions give, gradients too, whatever the layout of weights."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from trainer.engine.few_pixels import FewPixelsConv, FewPixelsTransposedConv, use_products

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
MADE = {"conv": (nn.Conv2d, 4, (144, 120)), "transposed": (nn.ConvTranspose2d, 2, (136, 128))}
"""Kind, side of a square input, and channels in and out."""


def layer_of(kind: str, *, bias: bool = False) -> nn.Module:
    torch.manual_seed(0)
    make, _, channels = MADE[kind]
    return make(*channels, 4, stride=2, padding=1, bias=bias)


def passed(layer: nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What a layer makes, and gradients of the image and of all weights."""
    image = image.detach().requires_grad_()
    made = layer(image)
    weighed = (made * torch.linspace(-1, 1, made.numel(), dtype=made.dtype).view(made.shape)).sum()
    return made.detach(), *torch.autograd.grad(weighed, (image, *layer.parameters()))


def counted(layer: nn.Module, image: torch.Tensor) -> set[str]:
    with FlopCounterMode(display=False) as counter:
        layer(image)
    return {str(name) for names in counter.get_flop_counts().values() for name in names}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("kind", MADE)
def test_products_are_the_convolution_in_float64(kind: str, batch_size: int, bias: bool, layout: str):
    layer = layer_of(kind, bias=bias).double().to(memory_format=LAYOUTS[layout])
    side = MADE[kind][1]
    image = torch.randn(batch_size, MADE[kind][2][0], side, 2 * side).double().contiguous(memory_format=LAYOUTS[layout])
    expected = passed(layer, image)
    use_products(layer)
    assert isinstance(layer, FewPixelsConv | FewPixelsTransposedConv)
    found = passed(layer, image)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert found[0].is_contiguous(memory_format=LAYOUTS[layout])
    assert found[2].is_contiguous(memory_format=LAYOUTS[layout])  # so no copy of it is made on its way to the weight
    assert counted(layer, image) == {"aten.mm"}


@pytest.mark.parametrize("kind", MADE)
def test_in_bf16_they_are_as_near_to_float64_as_the_convolution(kind: str):
    layer = layer_of(kind).to(memory_format=torch.channels_last)
    image = torch.randn(1, MADE[kind][2][0], 4, 4).contiguous(memory_format=torch.channels_last)
    exact = passed(layer_of(kind).double(), image.double())[0]
    errors = []
    for change in (lambda layer: None, use_products):
        change(layer)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made = layer(image)
        assert made.dtype == torch.bfloat16
        errors.append((made.double() - exact).abs().max().item())
    assert errors[1] <= 2 * errors[0]


@pytest.mark.parametrize("kind", MADE)
def test_many_pixels_are_convolved(kind: str):
    layer = layer_of(kind)
    use_products(layer)
    assert counted(layer, torch.randn(1, MADE[kind][2][0], 18, 18)) == {"aten.convolution"}


def test_layers_with_few_weights_or_another_geometry_stay_as_they_are():
    layers = nn.ModuleList(
        [
            nn.Conv2d(8, 8, 4, stride=2, padding=1),
            nn.Conv2d(256, 256, 4, stride=1, padding=1),
            nn.Conv2d(256, 256, 4, stride=2, padding=1, padding_mode="reflect"),
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(256, 256, 4, stride=2, padding=1)),
        ]
    )
    before = [type(layer) for layer in layers]
    use_products(layers)
    assert [type(layer) for layer in layers] == before


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize(("pixels", "is_cast"), [(16, False), (64, True)])
def test_weights_meet_the_fewest_pixels_as_they_are(kind: str, pixels: int, is_cast: bool):
    """Their gradient then has more digits than bf16."""
    layer = layer_of(kind).to(memory_format=torch.channels_last)
    use_products(layer)
    side = int(pixels**0.5) * (2 if kind == "conv" else 1)
    image = torch.randn(1, MADE[kind][2][0], side, side).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = layer(image.bfloat16())
    (gradient,) = torch.autograd.grad(made.float().square().sum(), layer.weight)
    assert made.dtype == torch.bfloat16
    assert torch.equal(gradient, gradient.bfloat16().float()) == is_cast

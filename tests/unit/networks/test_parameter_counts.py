"""Networks against the papers': every term of the arithmetic is a layer's kernel times channels in and out."""

import pytest
import torch
from torch import nn

from trainer.config import PatchGANConfig, GeneratorConfig
from trainer.networks.patchgan import PatchGAN, receptive_field
from trainer.networks.unet import UNet


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_unet_256_has_the_papers_layers():
    # Encoder C64-C128-C256-C512-C512-C512-C512-C512, 4x4 kernels; biases only where no norm follows.
    encoder = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 4 * 512 * 512) + 64 + 512
    # Decoder CD512-CD1024-CD1024-C1024-C1024-C512-C256-C128 (widths after concatenation), then 3 channels.
    decoder = 16 * (512 * 512 + 3 * 1024 * 512 + 1024 * 256 + 512 * 128 + 256 * 64 + 128 * 3) + 3
    # Batch norm has a scale and a shift per channel: six norms going down, seven coming up.
    norms = 2 * (128 + 256 + 4 * 512) + 2 * (4 * 512 + 256 + 128 + 64)
    assert encoder + decoder + norms == 54_414_531
    assert count(UNet(GeneratorConfig(), in_channels=3, out_channels=3)) == 54_414_531


def test_patchgan_70_has_the_papers_layers():
    # C64-C128-C256-C512 on 6 channels, then one logit.
    kernels = 16 * (6 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1)
    biases, norms = 64 + 1, 2 * (128 + 256 + 512)
    assert kernels + biases + norms == 2_768_705
    assert count(PatchGAN(PatchGANConfig(), in_channels=6)) == 2_768_705


@pytest.mark.parametrize(("num_layers", "pixels"), [(1, 16), (3, 70), (5, 286)])
def test_receptive_field_is_the_papers(num_layers: int, pixels: int):
    assert receptive_field(num_layers) == pixels


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_a_logit_sees_just_its_receptive_field(num_layers: int):
    """The gradient of the middle logit covers a square of that size."""
    torch.manual_seed(0)
    network = PatchGAN(PatchGANConfig(num_filters=4, num_layers=num_layers, norm="none"), in_channels=3)
    image = torch.randn(1, 3, 128, 128, requires_grad=True)
    logits = network(image)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    assert image.grad is not None
    touched = image.grad.abs().sum(dim=(0, 1)) > 0
    assert int(touched.any(dim=0).sum()) == receptive_field(num_layers)


@pytest.mark.parametrize("skips", ["concatenate", "add", "none"])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_unet_keeps_size_and_range(skips, norm):
    config = GeneratorConfig(num_filters=4, num_downs=5, skips=skips, norm=norm)
    out = UNet(config, in_channels=1, out_channels=3)(torch.randn(2, 1, 64, 32))
    assert out.shape == (2, 3, 64, 32)
    assert out.abs().max() <= 1


def test_skips_cost_what_they_should():
    by_skip = {
        skips: count(UNet(GeneratorConfig(num_filters=8, num_downs=6, skips=skips), in_channels=3, out_channels=3))
        for skips in ("concatenate", "add", "none")
    }
    # Concatenation doubles the input channels of all decoder levels but the first: widths 8, 16, 32, 64, 64.
    assert by_skip["concatenate"] - by_skip["none"] == 16 * (64 * 64 + 64 * 32 + 32 * 16 + 16 * 8 + 8 * 3)
    assert by_skip["add"] == by_skip["none"]


def test_without_skips_detail_must_pass_the_bottleneck():
    """With skips the first level's gradient reaches the output past an innermost level that gives nothing."""
    for skips, expected in (("concatenate", True), ("add", True), ("none", False)):
        torch.manual_seed(0)
        network = UNet(
            GeneratorConfig(num_filters=4, num_downs=4, skips=skips, norm="none", dropout=0), in_channels=3, out_channels=3
        )
        for parameter in network.encoder[-1].parameters():
            nn.init.zeros_(parameter)
        image = torch.randn(1, 3, 16, 16, requires_grad=True)
        network(image).sum().backward()
        assert image.grad is not None
        assert bool(image.grad.abs().sum() > 0) is expected


def test_dropout_stands_in_the_three_innermost_full_width_levels():
    def levels(num_downs: int) -> list[bool]:
        network = UNet(GeneratorConfig(num_filters=4, num_downs=num_downs), in_channels=3, out_channels=3)
        return [any(isinstance(layer, nn.Dropout) for layer in level) for level in network.decoder]  # type: ignore[arg-type]

    assert levels(8) == [True, True, True, False, False, False, False, False]
    assert levels(6) == [True, True, False, False, False, False]


def test_weights_begin_as_in_the_paper():
    torch.manual_seed(0)
    network = UNet(GeneratorConfig(num_filters=16, num_downs=6), in_channels=3, out_channels=3)
    kernels = torch.cat([p.flatten() for name, p in network.named_parameters() if p.dim() == 4])
    assert kernels.std().item() == pytest.approx(0.02, rel=0.01)
    assert kernels.mean().item() == pytest.approx(0, abs=1e-4)

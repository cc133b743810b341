"""Networks against the papers': every term of the arithmetic is a layer's kernel times channels in and out."""

import pytest
import torch
from torch import nn

from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.networks.generator import build_generator
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


def test_pixelgan_has_the_papers_layers():
    # C64-C128 of 1x1 kernels on 6 channels, then one logit; a norm on C128 alone.
    assert 6 * 64 + 64 + 64 * 128 + 2 * 128 + 128 * 1 + 1 == 9_025
    assert count(PatchGAN(PatchGANConfig(num_layers=0), in_channels=6)) == 9_025


def test_resnet_9_has_the_layers_of_cyclegan():
    # c7s1-64, d128, d256, 9 x R256, u128, u64, c7s1-3.
    kernels = 49 * 3 * 64 + 9 * (64 * 128 + 128 * 256 + 18 * 256 * 256 + 256 * 128 + 128 * 64) + 49 * 64 * 3
    channels = 64 + 128 + 256 + 18 * 256 + 128 + 64  # of the layers that a norm follows
    # The authors' `resnet_9blocks` has a bias in each layer and instance norms without parameters: 11.378 M.
    assert kernels + channels + 3 == 11_378_179
    # Here such layers have no bias, which the norm would remove, and the norm has a scale and a shift.
    assert kernels + 2 * channels + 3 == 11_383_427
    config = GeneratorConfig(architecture="resnet", norm="instance", dropout=0)
    assert count(build_generator(config, in_channels=3, out_channels=3)) == 11_383_427


def test_group_norm_keeps_the_biases():
    """It leaves the difference of two channels of one group, so that their biases matter."""
    batch, group = (
        count(build_generator(GeneratorConfig(num_filters=4, num_downs=4, norm=norm), in_channels=3, out_channels=3))
        for norm in ("batch", "group")
    )
    # Widths 4, 8, 16, 32: norms after 8, 16 down and after 16, 8, 4 up.
    assert group - batch == 8 + 16 + 16 + 8 + 4


@pytest.mark.parametrize(("num_layers", "pixels"), [(0, 1), (1, 16), (3, 70), (5, 286)])
def test_receptive_field_is_the_papers(num_layers: int, pixels: int):
    assert receptive_field(num_layers) == pixels


@pytest.mark.parametrize("num_layers", [0, 1, 2, 3])
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


@pytest.mark.parametrize("skips", ["concatenate", "add", "dense", "none"])
@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
def test_unet_keeps_size_and_range(skips, norm):
    config = GeneratorConfig(num_filters=4, num_downs=5, skips=skips, norm=norm)
    out = UNet(config, in_channels=1, out_channels=3)(torch.randn(2, 1, 64, 32))
    assert out.shape == (2, 3, 64, 32)
    assert out.abs().max() <= 1


def test_skips_cost_what_they_should():
    by_skip = {
        skips: count(UNet(GeneratorConfig(num_filters=8, num_downs=6, skips=skips), in_channels=3, out_channels=3))
        for skips in ("concatenate", "add", "dense", "none")
    }
    # Concatenation doubles the input channels of all decoder levels but the first: widths 8, 16, 32, 64, 64.
    assert by_skip["concatenate"] - by_skip["none"] == 16 * (64 * 64 + 64 * 32 + 32 * 16 + 16 * 8 + 8 * 3)
    assert by_skip["add"] == by_skip["none"]
    # Dense skips add all shallower levels: 8 + 16 + 32 + 64 channels beside the mirror of the fifth, and so on.
    assert by_skip["dense"] - by_skip["concatenate"] == 16 * (120 * 64 + 56 * 32 + 24 * 16 + 8 * 8)


def test_dense_skips_bring_each_shallower_level_to_each_deeper_mirror():
    """Mirror of level 2: what was decoded, then level 2, level 1 at half and level 0 at a quarter of its size."""
    torch.manual_seed(0)
    config = GeneratorConfig(num_filters=2, num_downs=4, skips="dense", norm="none", dropout=0)
    network = UNet(config, in_channels=1, out_channels=1)
    seen: list[torch.Tensor] = []
    network.decoder[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    encoded: list[torch.Tensor] = []
    for level in network.encoder:
        level.register_forward_hook(lambda _, __, output: encoded.append(output))
    network(torch.randn(1, 1, 32, 32))
    _, mirror, middle, first = seen[0].split([8, 8, 4, 2], dim=1)
    assert torch.equal(mirror, encoded[2])
    assert torch.equal(middle, nn.functional.max_pool2d(encoded[1], 2))
    assert torch.equal(first, nn.functional.max_pool2d(encoded[0], 4))


def test_without_skips_detail_must_pass_the_bottleneck():
    """With skips the first level's gradient reaches the output past an innermost level that gives nothing."""
    for skips, expected in (("concatenate", True), ("add", True), ("dense", True), ("none", False)):
        torch.manual_seed(0)
        config = GeneratorConfig(num_filters=4, num_downs=4, skips=skips, norm="none", dropout=0)
        network = UNet(config, in_channels=3, out_channels=3)
        for parameter in network.encoder[-1].parameters():
            nn.init.zeros_(parameter)
        image = torch.randn(1, 3, 16, 16, requires_grad=True)
        network(image).sum().backward()
        assert image.grad is not None
        assert bool(image.grad.abs().sum() > 0) is expected


def test_dropout_stands_in_the_three_innermost_levels():
    """CD512-CD512-CD512 begin the decoder (6.1.1): of 256 pixels those that make 2, 4 and 8 of 1."""

    def levels(num_downs: int, **changes: int) -> list[bool]:
        config = GeneratorConfig(num_filters=4, num_downs=num_downs, **changes)  # type: ignore[arg-type]
        network = UNet(config, in_channels=3, out_channels=3)
        return [any(isinstance(layer, nn.Dropout) for layer in level) for level in network.decoder]  # type: ignore[arg-type]

    assert levels(8) == [True, True, True, False, False, False, False, False]
    assert levels(6) == [True, True, True, False, False, False]
    assert levels(6, dropout_levels=1) == [True, False, False, False, False, False]
    assert levels(4) == [True, True, True, False]
    assert levels(3) == [True, True, False]
    assert levels(2, dropout_levels=9) == [True, False]


def test_weights_begin_as_in_the_paper():
    torch.manual_seed(0)
    network = UNet(GeneratorConfig(num_filters=16, num_downs=6), in_channels=3, out_channels=3)
    kernels = torch.cat([p.flatten() for name, p in network.named_parameters() if p.dim() == 4])
    assert kernels.std().item() == pytest.approx(0.02, rel=0.01)
    assert kernels.mean().item() == pytest.approx(0, abs=1e-4)

"""LPIPS and DISTS by an encoder's file are torchmetrics' own, by the same network."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import torchvision
from torch import Tensor
from torchmetrics.functional.image import dists as torchmetrics_dists
from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

from tests.scores.light_weights import bare, write_weights
from tests.tiny_run import subject_of, tiny_config
from trainer.config.encoders import EncoderName
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.encoders.load import open_encoder
from trainer.evaluation.metrics import dists, lpips
from trainer.evaluation.metrics.base import ScoredView
from trainer.evaluation.metrics.dists import Dists
from trainer.evaluation.metrics.lpips import Lpips
from trainer.evaluation.scores import encoded_scores, why_absent

CPU = torch.device("cpu")


def opened(folder: Path, name: EncoderName) -> tuple[Encoder, Any]:
    """The encoder, and torchvision's network with the same weights."""
    path, network = write_weights(folder, name), bare(name)
    encoder = open_encoder(name, device=CPU, weights=path, field="encoder_weights")
    assert encoder is not None
    network.load_state_dict(torch.load(path, weights_only=True), assign=True)
    return encoder, network


def pictures(height: int, width: int, *, channels: int = 3) -> Tensor:
    """(3, channels, height, width) in [-1, 1], of 8 bits."""
    levels = torch.randint(0, 256, (3, channels, height, width), generator=torch.Generator().manual_seed(0))
    return levels / 127.5 - 1


def check_lpips(name: EncoderName, short: Literal["alex", "vgg"], folder: Path, monkeypatch: pytest.MonkeyPatch):
    encoder, network = opened(folder, name)
    monkeypatch.setattr(torchvision.models, name, lambda weights: network)
    for side, channels in ((32, 3), (47, 1)):
        real = pictures(side, 40, channels=channels)
        fake = real.abs()
        fakes, reals = (images.expand(-1, 3, -1, -1) for images in (fake, real))
        expected = learned_perceptual_image_patch_similarity(fakes, reals, short, reduction="none")
        assert expected.min() > 5e-3
        metric = lpips.make(ScoredView(eight_bits=True, encoder=encoder))
        metric.update(fake, real)
        assert metric.compute() == {f"lpips/{name}": pytest.approx(expected.mean().item(), rel=1e-3)}
        found = Lpips(encoder)(fake, real)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
        assert not Lpips(encoder)(real, real).any()


def test_lpips_of_alexnet_is_torchmetrics_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    check_lpips("alexnet", "alex", tmp_path, monkeypatch)


@pytest.mark.slow
def test_lpips_and_dists_of_vgg16_are_torchmetrics_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    check_lpips("vgg16", "vgg", tmp_path, monkeypatch)
    encoder, network = opened(tmp_path, "vgg16")
    monkeypatch.setattr(torchmetrics_dists, "vgg16", lambda weights: network)
    real = pictures(40, 48)
    fake = (real * 0.5).mul(127.5).round() / 127.5
    expected = torchmetrics_dists.deep_image_structure_and_texture_similarity((fake + 1) / 2, (real + 1) / 2)
    assert expected.min() > 1e-3
    metric = dists.make(ScoredView(eight_bits=True, encoder=encoder))
    metric.update(fake, real)
    assert metric.compute() == {"dists/vgg16": pytest.approx(expected.mean().item(), rel=1e-3)}
    torch.testing.assert_close(Dists(encoder)(fake, real), expected.detach(), rtol=1e-3, atol=1e-5)
    assert Dists(encoder)(real, real).abs().max() < 1e-5


def test_images_of_less_than_32_pixels_have_none(map_dataset: Path):
    subject = subject_of(tiny_config(map_dataset))
    assert "LPIPS, VGG-16" in encoded_scores(subject, "vgg16", "test")
    subject = replace(subject, data=replace(subject.data, crop_size=16))
    assert "LPIPS, VGG-16" not in encoded_scores(subject, "vgg16", "test")
    assert (
        why_absent("eval/lpips/vgg16", subject, encoder="vgg16")
        == "needs images of 32 pixels a side: data.crop_size = 16"
    )

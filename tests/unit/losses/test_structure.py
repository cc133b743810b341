"""The loss of structure where it can be worked out, and beside the score that it is the complement of."""

import pytest
import torch

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.evaluation.metrics.ssim import ssim
from trainer.losses.structure import structure_loss
from trainer.methods.base import Networks
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.pix2pix.method import Pix2Pix

C1 = (0.01 * 255) ** 2  # 6.5025


def grey(level: float, *, side: int = 16) -> torch.Tensor:
    return torch.full((1, 1, side, side), level / 127.5 - 1)


def test_flat_images_lose_luminance_alone() -> None:
    similarity = (2 * 100 * 150 + C1) / (100**2 + 150**2 + C1)  # 0.92309
    assert structure_loss(grey(100), grey(150)).item() == pytest.approx(1 - similarity, abs=5e-5)


def test_it_is_what_the_score_of_grey_images_lacks_of_one() -> None:
    fake, real = torch.rand(2, 2, 3, 20, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    score = ssim(fake.mean(1, keepdim=True), real.mean(1, keepdim=True), eight_bits=False)
    assert structure_loss(fake, real).item() == pytest.approx(1 - score.mean().item())


def test_hue_is_left_to_other_losses() -> None:
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5
    assert structure_loss(image.roll(1, dims=1), image).item() == pytest.approx(0, abs=1e-5)


def test_a_faint_line_that_is_missing_weighs_more_than_a_ground_that_is_off() -> None:
    """Both lie equally far from the target in L1: a line of 20 levels in one column of eight, the ground 2.5 off."""
    street = grey(220)
    street[..., ::8] = 240 / 127.5 - 1
    without, off = grey(220), street + 2.5 / 127.5
    assert (without - street).abs().mean().item() == pytest.approx((off - street).abs().mean().item())
    assert structure_loss(without, street) > 100 * structure_loss(off, street)


def test_pix2pix_weighs_it() -> None:
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5
    method = Pix2Pix(Pix2PixConfig(weight_gan=0.0, weight_structure=10.0), Task(channels_a=1, channels_b=1, side=16))
    networks = Networks({"generator": torch.neg}, {})
    batch = Batch(a=image, b=image, index=torch.arange(1))
    losses = method.losses("generator", networks, batch, method.forward(networks, batch))
    assert list(losses) == ["l1", "structure"]
    assert losses["structure"].item() == pytest.approx(10 * structure_loss(-image, image).item())

"""PSNR of luma against hand-worked numbers."""

import math

import pytest
import torch

from trainer.evaluation.metrics.base import ScoredView
from trainer.evaluation.metrics.psnr import LARGEST_DB
from trainer.evaluation.metrics.psnr_y import make, psnr_y


def levels(red, green, blue, *, side=12):
    """(1, 3, H, W) of one colour, 0..255."""
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(1, 3, side, side) / 127.5 - 1


def test_white_and_black_are_219_levels_apart():
    # Y is 16 for black and 235 for white: 20 log10(255 / 219).
    found = psnr_y(levels(255, 255, 255), levels(0, 0, 0), border=0).item()
    assert found == pytest.approx(20 * math.log10(255 / 219), abs=1e-4)


@pytest.mark.parametrize(("place", "weight"), [(0, 65.481), (1, 128.553), (2, 24.966)])
def test_each_channel_has_its_weight(place, weight):
    # Ten levels of one channel: weight * 10 / 255 levels of Y.
    color = [100, 100, 100]
    color[place] = 110
    found = psnr_y(levels(*color), levels(100, 100, 100), border=0).item()
    assert found == pytest.approx(20 * math.log10(255 / (weight * 10 / 255)), abs=1e-3)


def test_the_border_is_left_out_and_no_more():
    real = levels(100, 100, 100)
    fake = torch.ones_like(real)
    fake[:, :, 4:-4, 4:-4] = real[:, :, 4:-4, 4:-4]
    assert psnr_y(fake, real, border=4).item() == LARGEST_DB
    # Of 6 x 6 pixels that a border of 3 leaves, 20 differ, by 155 levels of each channel.
    error = 155 * 219 / 255
    assert psnr_y(fake, real, border=3).item() == pytest.approx(
        10 * math.log10(255**2 * 36 / (20 * error**2)), abs=1e-3
    )


def test_the_mean_over_images_leaves_the_views_border_out():
    metric = make(ScoredView(eight_bits=True, border=2))
    fake = levels(100, 100, 100).clone()
    fake[:, :, 1] = 1
    metric.update(fake, levels(100, 100, 100))
    metric.update(levels(255, 255, 255), levels(0, 0, 0))
    assert metric.compute() == {"psnr_y": pytest.approx((LARGEST_DB + 20 * math.log10(255 / 219)) / 2, abs=1e-4)}


@pytest.mark.parametrize(("channels", "border"), [(1, 0), (4, 0), (3, 6)])
def test_other_images_are_refused(channels, border):
    image = torch.zeros(1, channels, 12, 12)
    with pytest.raises(ValueError, match=rf"luma of {channels} channels, 12 x 12 pixels less a border of {border}"):
        psnr_y(image, image, border=border)

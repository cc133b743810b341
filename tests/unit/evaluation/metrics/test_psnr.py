"""PSNR against hand-worked numbers."""

import math

import pytest
import torch

from trainer.evaluation.metrics.base import ImageMean
from trainer.evaluation.metrics.psnr import LARGEST_DB, psnr


def grey(level, *, num_images=1):
    """(N, 1, 4, 4) of one grey level, 0..255."""
    return torch.full((num_images, 1, 4, 4), level / 127.5 - 1)


def test_an_error_of_ten_levels():
    # MSE = 10^2, so 10 log10(255^2 / 100) = 20 log10(25.5) = 28.1308 dB.
    assert psnr(grey(110), grey(100)).item() == pytest.approx(28.1308, abs=1e-4)


def test_black_against_white_is_zero():
    assert psnr(grey(0), grey(255)).item() == pytest.approx(0, abs=1e-6)


def test_images_are_rounded_to_8_bits_and_cut():
    real = grey(100)
    assert psnr(real + 0.3 / 127.5, real).item() == LARGEST_DB  # 100.3 is written as 100
    assert psnr(torch.full_like(real, 3.0), grey(255)).item() == LARGEST_DB


def test_deeper_images_are_compared_unrounded():
    real = grey(100)
    # A tenth of a level: 20 log10(2550) = 68.1308 dB, which 8 bits would not see.
    assert psnr(real + 0.1 / 127.5, real, eight_bits=False).item() == pytest.approx(68.1308, abs=0.01)
    assert psnr(torch.full_like(real, 3.0), grey(255), eight_bits=False).item() == LARGEST_DB


def test_all_channels_count():
    real = torch.zeros(1, 5, 4, 4)
    fake = real.clone()
    fake[:, 3] += 10 / 127.5
    # MSE = 100 / 5: 10 log10(255^2 / 20) = 35.1205 dB.
    assert psnr(fake, real, eight_bits=False).item() == pytest.approx(35.1205, abs=1e-3)


def test_the_mean_is_over_images_not_over_errors():
    # 28.1308 dB at 10 levels and 20 log10(255 / 20) = 22.1102 dB at 20: mean 25.1205.
    # One PSNR of the mean error, (100 + 400) / 2, would be 24.1514.
    score = ImageMean("psnr", psnr)
    score.update(torch.cat([grey(110), grey(120)]), grey(100, num_images=2))
    assert score.compute()["psnr"] == pytest.approx(25.1205, abs=1e-4)


def test_totals_of_two_parts_add_up_to_the_whole():
    parts = [ImageMean("psnr", psnr), ImageMean("psnr", psnr)]
    parts[0].update(grey(110, num_images=3), grey(100, num_images=3))
    parts[1].update(grey(120), grey(100))
    whole = ImageMean("psnr", psnr)
    whole.totals = parts[0].totals + parts[1].totals
    expected = (3 * 20 * math.log10(25.5) + 20 * math.log10(12.75)) / 4
    assert whole.compute()["psnr"] == pytest.approx(expected, abs=1e-4)


def test_no_images_have_no_score():
    assert ImageMean("psnr", psnr).compute() == {}


def test_it_is_what_torchmetrics_finds():
    from torchmetrics.functional.image import peak_signal_noise_ratio

    fake, real = (torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1 for seed in (0, 1))
    levels = [((image + 1) * 127.5).round() for image in (fake, real)]
    theirs = peak_signal_noise_ratio(*levels, data_range=255.0, reduction="none", dim=(1, 2, 3))
    torch.testing.assert_close(psnr(fake, real), theirs)

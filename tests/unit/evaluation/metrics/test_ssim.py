"""SSIM where its formula can be worked out by hand."""

import pytest
import torch

from trainer.evaluation.metrics.ssim import ssim

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # 6.5025 and 58.5225


def grey(level, *, channels=1, side=16):
    return torch.full((1, channels, side, side), level / 127.5 - 1)


def test_equal_images_have_one():
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert ssim(image, image).tolist() == pytest.approx([1.0, 1.0], abs=3e-4)


def test_flat_images_differ_in_luminance_alone():
    # No variance: SSIM = (2 mu_x mu_y + C1) / (mu_x^2 + mu_y^2 + C1); the factor with C2 is C2 / C2.
    expected = (2 * 100 * 150 + C1) / (100**2 + 150**2 + C1)  # 0.92309
    assert ssim(grey(100), grey(150)).item() == pytest.approx(expected, abs=3e-4)


def test_channels_are_averaged():
    # One channel of three differs, the other two have 1.
    fake, real = grey(100, channels=3), grey(100, channels=3)
    fake[:, 0] = 150 / 127.5 - 1
    one = (2 * 100 * 150 + C1) / (100**2 + 150**2 + C1)
    assert ssim(fake, real).item() == pytest.approx((one + 2) / 3, abs=3e-4)


def test_a_negative_has_less_than_zero():
    # Structure counts: the covariance of an image with its negative is minus its variance.
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert ssim(-image, image).item() < -0.9


def test_each_image_has_its_own():
    images = torch.cat([grey(100), grey(150)])
    values = ssim(images, torch.cat([grey(100), grey(100)]))
    assert values.shape == (2,)
    assert values[0] > 0.999 > values[1]

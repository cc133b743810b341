"""SSIM where its formula can be worked out by hand, and against its equations in float64."""

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from trainer.evaluation.metrics.ssim import ssim

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # 6.5025 and 58.5225


def grey(level, *, channels=1, side=16):
    return torch.full((1, channels, side, side), level / 127.5 - 1)


def test_equal_images_have_one():
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert ssim(image, image).tolist() == pytest.approx([1.0, 1.0], abs=5e-5)


def test_flat_images_differ_in_luminance_alone():
    # No variance: SSIM = (2 mu_x mu_y + C1) / (mu_x^2 + mu_y^2 + C1); the factor with C2 is C2 / C2.
    expected = (2 * 100 * 150 + C1) / (100**2 + 150**2 + C1)  # 0.92309
    assert ssim(grey(100), grey(150)).item() == pytest.approx(expected, abs=5e-5)


def test_channels_are_averaged():
    # One channel of three differs, the other two have 1.
    fake, real = grey(100, channels=3), grey(100, channels=3)
    fake[:, 0] = 150 / 127.5 - 1
    one = (2 * 100 * 150 + C1) / (100**2 + 150**2 + C1)
    assert ssim(fake, real).item() == pytest.approx((one + 2) / 3, abs=5e-5)


def test_a_negative_has_less_than_zero():
    # Structure counts: the covariance of an image with its negative is minus its variance.
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert ssim(-image, image).item() < -0.9


def test_each_image_has_its_own():
    images = torch.cat([grey(100), grey(150)])
    values = ssim(images, torch.cat([grey(100), grey(100)]))
    assert values.shape == (2,)
    assert values[0] > 0.999 > values[1]


def by_the_paper(x, y):
    """Equations 13 to 17 for (C, H, W) in 0..255: the mean over the windows that lie inside."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def local(plane):
        return (sliding_window_view(plane, (11, 11), axis=(1, 2)) * window).sum(axis=(3, 4))

    mean_x, mean_y = local(x), local(y)
    var_x, var_y, covariance = local(x * x) - mean_x**2, local(y * y) - mean_y**2, local(x * y) - mean_x * mean_y
    map_ = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return (map_ / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))).mean()


def photo_like(*, sides=(32, 40), seed=0):
    """A slope with patches and texture, and the same blurred and noisy; uint8 (2, 3, H, W)."""
    random = np.random.default_rng(seed)
    height, width = sides
    slope = np.add.outer(np.arange(height) * 3.0, np.arange(width) * 2.0)
    real = slope + random.normal(0, 25, (3, height, width))
    real[:, : height // 3, width // 2 :] += 70
    fake = (real + np.roll(real, 1, axis=1) + np.roll(real, 1, axis=2)) / 3 + random.normal(0, 12, real.shape)
    return np.stack([fake, real]).clip(0, 255).round()


@pytest.mark.parametrize("sides", [(11, 11), (16, 40), (32, 32)])
def test_it_is_the_papers_over_windows_inside(sides):
    for seed in range(3):
        fake, real = photo_like(sides=sides, seed=seed)
        found = ssim(*(torch.from_numpy(image[None]).float() / 127.5 - 1 for image in (fake, real)))
        assert found.item() == pytest.approx(by_the_paper(fake, real), abs=1e-4)


def test_an_image_whose_border_alone_differs():
    # Each pixel of the border has the small weight of its place in a few windows: mirrored, it would lie in many.
    real, fake = grey(100, side=17), torch.ones(1, 1, 17, 17)
    fake[:, :, 1:-1, 1:-1] = real[:, :, 1:-1, 1:-1]
    levels = [((image[0].double().numpy() + 1) * 127.5).round() for image in (fake, real)]
    assert ssim(fake, real).item() == pytest.approx(by_the_paper(*levels), abs=5e-5)
    assert ssim(fake, real).item() == pytest.approx(0.8416, abs=5e-5)  # 0.1845 if mirrored


def test_images_smaller_than_a_window_have_none():
    with pytest.raises(ValueError, match=r"10 x 16 pixels.*at least 11"):
        ssim(torch.zeros(1, 3, 10, 16), torch.zeros(1, 3, 10, 16))

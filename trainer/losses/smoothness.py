"""How much an image varies from pixel to pixel."""

from torch import Tensor


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of vertical neighbours, plus that of horizontal ones.

    The anisotropic form of Rudin, Osher & Fatemi 1992 (equation 2.2a), as a mean: the same for any size of image.

    Args:
        image: (N, C, H, W), at least 2 x 2 pixels.
    """
    vertical = image[..., 1:, :] - image[..., :-1, :]
    horizontal = image[..., :, 1:] - image[..., :, :-1]
    return vertical.abs().mean() + horizontal.abs().mean()

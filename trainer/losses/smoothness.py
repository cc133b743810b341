"""How much an image varies from pixel to pixel."""

from torch import Tensor


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of vertical neighbours, plus that of horizontal ones.

    The authors of CAAE (arXiv:1702.08423) sum halved squares and divide by the side; as means it is the same for any
    size of image.

    Args:
        image: (N, C, H, W), at least 2 x 2 pixels.
    """
    vertical = image[..., 1:, :] - image[..., :-1, :]
    horizontal = image[..., :, 1:] - image[..., :, :-1]
    return vertical.square().mean() + horizontal.square().mean()

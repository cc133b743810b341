"""From the networks' range to what people and files use: 8 bits a channel."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_uint8(images: Tensor) -> Tensor:
    """Round images in [-1, 1], of any shape, to the nearest of 0..255; what is beyond is cut."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def to_picture(image: Tensor) -> Image.Image:
    """One image (C, H, W) in [-1, 1] as greyscale (C = 1) or RGB (C = 3).

    Raises:
        ValueError: another number of channels, which no picture shows.
    """
    if image.shape[0] not in (1, 3):
        raise ValueError(f"an image of {image.shape[0]} channels cannot be shown; views of 1 or 3 channels can.")
    pixels = to_uint8(image).permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(pixels[:, :, 0] if image.shape[0] == 1 else pixels)


def from_picture(picture: Image.Image) -> Tensor:
    """A picture in mode L or RGB as (C, H, W) float32 in [-1, 1]: the inverse of `to_picture`."""
    pixels = torch.from_numpy(np.array(picture, dtype=np.float32))
    planes = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
    return planes / 127.5 - 1

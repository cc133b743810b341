"""Conversion from the networks' range to what people and files use: 8 bits a channel."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


def to_uint8(images: Tensor) -> Tensor:
    """Round images in [-1, 1], of any shape, to the nearest of 0..255; what is beyond is cut."""
    return _rounded(images).to(torch.uint8)


def _rounded(images: Tensor) -> Tensor:
    return (images + 1).mul_(127.5).round_().clamp_(0, 255)  # one copy, not four


def to_levels(images: Tensor, *, eight_bits: bool) -> Tensor:
    """Images in [-1, 1] as float32 in 0..255, rounded to 8 bits or not: what scores compare."""
    if not eight_bits:
        return (images.clamp(-1, 1) + 1) * 127.5
    return _rounded(images).float().nan_to_num_(0.0)  # as in a file; there and back by integers takes twice as long


def to_picture(image: Tensor) -> Image.Image:
    """One image (C, H, W) in [-1, 1] for people to look at, 8 bits.

    RGB of three channels; of more, the first three as RGB. Grey of one; of two, the first.
    """
    pixels = to_uint8(image[: 3 if image.shape[0] >= 3 else 1]).permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def from_picture(picture: Image.Image) -> Tensor:
    """A picture in mode L or RGB as (C, H, W) float32 in [-1, 1]: the inverse of `to_picture`."""
    pixels = torch.from_numpy(np.array(picture, dtype=np.float32))
    planes = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
    return planes / 127.5 - 1


def resize_image(image: Tensor, side: int) -> Tensor:
    """(C, H, W) in [-1, 1] -> (C, side, side), cubic with antialiasing."""
    return F.interpolate(image[None], (side, side), mode="bicubic", antialias=True)[0].clamp(-1, 1)

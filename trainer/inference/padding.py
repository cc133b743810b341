"""Images of any size through networks that halve them: padded to a multiple of their stride, and cut back."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from trainer.inference.operation import Operation
from trainer.pictures.tensors import resize_image


def pad_to_multiple(images: Tensor, stride: int) -> Tensor:
    """Mirror (..., H, W) at the lower and right edges until both sides are multiples of `stride`.

    Mirrored again and again where the image is smaller than what is missing; a single row is repeated.
    """
    missing = [(0, -size % stride) for size in images.shape[-2:]]
    return torch.from_numpy(np.pad(images.numpy(), [(0, 0)] * (images.ndim - 2) + missing, mode="reflect"))


def apply_padded(operation: Operation, images: Tensor, *, device: torch.device) -> Tensor:
    """What an operation makes of images (N, C, H, W) in [-1, 1] of any size, cut back to it."""
    height, width = images.shape[-2:]
    return operation.apply(pad_to_multiple(images, operation.stride).to(device))[:, :, :height, :width]


def translate_image(operation: Operation, image: Tensor, *, device: torch.device) -> Tensor:
    """Translate an image (C, H, W) in [-1, 1] whole, padded to the generator's stride and cut back to its size.

    A method whose networks take one size only gets it resized to that size, and the result has it too.

    Memory grows with the area: a U-Net of 64 filters takes about 0.4 GB a megapixel in float32, one of 32 half of it.
    """
    return translate_images(operation, [image], device=device)[0]


def translate_images(operation: Operation, images: Sequence[Tensor], *, device: torch.device) -> Tensor:
    """The same of several of one size together -> (N, C, H, W)."""
    if operation.side is not None:
        images = [resize_image(image, operation.side) for image in images]
    return apply_padded(operation, torch.stack([*images]), device=device)

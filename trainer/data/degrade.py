"""Inputs made of targets: what a restoration method is to undo. One definition for the CPU and for a GPU.

The crop is degraded, cut and mirrored as it is, so that input and target stay aligned to the pixel; and the result
has 8 bits again, as the picture files have that are to be restored later.
"""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from nvidia.dali import fn
from nvidia.dali.types import DALIDataType, DALIImageType

from trainer.config.data import DegradeConfig
from trainer.data.resize import Node, resize


def degrade(image: Node, config: DegradeConfig, *, shape: tuple[int, int, int], seed: Node, on_gpu: bool) -> Node:
    """uint8 HWC -> the same shape and type.

    Args:
        shape: of the image: height, width, channels.
        seed: of the noise, an int64 for each image on the CPU; only `noise` wants it.
    """
    match config.kind:
        case "blur":
            return fn.gaussian_blur(image, sigma=config.blur_sigma)  # the border is mirrored
        case "downscale":
            height, width, _ = shape
            small = resize(image, size=(height // config.factor, width // config.factor), on_gpu=on_gpu)
            return resize(small, size=(height, width), on_gpu=on_gpu)
        case "noise":
            return _add_noise(image, seed, sigma=config.noise_sigma, shape=shape, on_gpu=on_gpu)
        case "jpeg":
            return _compress(image, quality=config.jpeg_quality, is_gray=shape[2] == 1)
        case "none":
            return image


def _add_noise(image: Node, seed: Node, *, sigma: float, shape: tuple[int, int, int], on_gpu: bool) -> Node:
    """DALI's own noise follows the order of its calls, so it differs after a resume and on other numbers of ranks.

    Drawn in a function of DALI's thread, it overlaps with training: 1.4 ms for an image of 256 px, against 3 ms with
    NumPy's Philox. Fed from outside or added behind DALI, the training thread would wait for it.
    """
    normals: Node = fn.python_function(
        seed, function=partial(standard_normals, shape=shape), num_outputs=1, batch_processing=True
    )
    normals = fn.reshape(normals, layout="HWC")
    noisy = image + sigma * (normals.gpu() if on_gpu else normals)
    return fn.cast(noisy, dtype=DALIDataType.UINT8)  # rounds, and cuts to 0..255


def standard_normals(seeds: list[NDArray[np.int64]], *, shape: tuple[int, int, int]) -> list[NDArray[np.float32]]:
    """N(0, 1) of the shape for each seed: the same for a seed wherever it stands."""
    generator = torch.Generator()
    return [torch.randn(shape, generator=generator.manual_seed(int(seed))).numpy() for seed in seeds]


def _compress(image: Node, *, quality: int, is_gray: bool) -> Node:
    if not is_gray:
        return fn.jpeg_compression_distortion(image, quality=quality)
    # DALI compresses RGB only. Grey has no colour to lose: its brightness is compressed as that of a grey JPEG.
    colored = fn.color_space_conversion(image, image_type=DALIImageType.GRAY, output_type=DALIImageType.RGB)
    compressed = fn.jpeg_compression_distortion(colored, quality=quality)
    return fn.color_space_conversion(compressed, image_type=DALIImageType.RGB, output_type=DALIImageType.GRAY)

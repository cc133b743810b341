"""From an encoded file to pixels in DALI's graph: by DALI's own decoders, or for what they cannot by the codec.

The codec is the one that wrote the files. It runs on the CPU also where pixels then go to a GPU.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nvidia.dali import fn
from nvidia.dali.types import DALIImageType

from sharding.errors import DatasetError
from sharding.format.codec.decoding import decode, decode_indices
from sharding.format.manifest import ClassInfo, View
from trainer.data.resize import Node
from trainer.pictures.files import class_palette

_DALI_SUFFIXES = frozenset({"jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff"})
_NAME = "the image"  # which one is found out when it fails


def is_dalis(view: View) -> bool:
    """Whether DALI decodes the files of a view exactly: 8 bits, grey or RGB."""
    suffix = view.extension.rpartition(".")[2]
    return view.is_common and suffix in _DALI_SUFFIXES


def decode_with_dali(file: Node, *, view: View, on_gpu: bool, window: dict[str, Any] | None = None) -> Node:
    """uint8 HWC; of the `window` only, of which little more is decoded."""
    options: dict[str, Any] = {
        "device": "mixed" if on_gpu else "cpu",
        "output_type": DALIImageType.GRAY if view.channels == 1 else DALIImageType.RGB,
        "jpeg_fancy_upsampling": True,  # without it a GPU's colours differ from the CPU's at edges
        "affine": False,  # else the decoding threads of all ranks are pinned to the same few cores
    }
    return fn.decoders.image(file, **options) if window is None else fn.decoders.image_slice(file, **options, **window)


def decode_with_codec(file: Node, *, view: View, classes: Sequence[ClassInfo], num_threads: int) -> Node:
    """HWC on the CPU: uint8 as it is, deeper values as float32; classes in their colours."""
    decoder = make_decoder(view, classes)
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="codec")  # decoders release the interpreter lock

    def decode_all(files: list[NDArray[np.uint8]]) -> list[NDArray[Any]]:
        return list(pool.map(decoder, files))

    return fn.reshape(fn.python_function(file, function=decode_all, batch_processing=True), layout="HWC")


def make_decoder(view: View, classes: Sequence[ClassInfo]) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """A function from bytes to pixels. It raises DatasetError for a file that is not what the manifest says."""
    if view.content == "classes":
        colors = class_palette(classes)
        return lambda file: colors[_check(decode_indices(file.tobytes(), name=_NAME), view)[:, :, 0]]

    def pixels(file: NDArray[np.uint8]) -> NDArray[Any]:
        decoded = _check(decode(file.tobytes(), name=_NAME), view)
        return decoded if view.dtype == "uint8" else decoded.astype(np.float32, copy=False)

    return pixels


def _check(pixels: NDArray[Any], view: View) -> NDArray[Any]:
    height, width, channels = pixels.shape
    if pixels.dtype != view.dtype or channels != view.channels:
        raise DatasetError(
            f"it has {channels} channels of {pixels.dtype}; the manifest says {view.channels} of {view.dtype}"
        )
    if view.width is not None and (width, height) != (view.width, view.height):
        raise DatasetError(f"it is {width}x{height} pixels; the manifest says {view.width}x{view.height}")
    return pixels

"""The graph of DALI from the encoded files of a sample to aligned images in [-1, 1]."""

from collections.abc import Mapping, Sequence
from typing import Any

from nvidia.dali import fn
from nvidia.dali import math as dali_math
from nvidia.dali.types import DALIDataType, DALIInterpType

from sharding.manifest import View
from trainer.config import JitterConfig
from trainer.data.decoding import decode_with_codec, decode_with_dali, is_dalis
from trainer.data.degrade import degrade
from trainer.data.geometry import Shape, corner, known_size, require_equal_sizes, size_in_graph
from trainer.data.resize import Node, resize
from trainer.data.spec import PixelSpec

Inputs = Mapping[str, Node]
"""What enters of one view, by the names of `EncodedView`'s fields; `turns` as matrices."""

_WHOLE_RANGE = (0.0, 255.0)


def aligned_images(inputs: Sequence[Inputs], *, spec: PixelSpec) -> list[Node]:
    """float32 HWC in [-1, 1]: one for each view, or the degraded first and the last."""
    crops = [_light(crop, inputs[place], place=place, spec=spec) for place, crop in enumerate(_crops(inputs, spec))]
    images = [
        normalize(crop, view=view, mirror=fed["flips"])
        for crop, view, fed in zip(crops, spec.views, inputs, strict=True)
    ]
    if spec.degrade.kind == "none":
        return images
    degraded = degrade(
        fn.flip(crops[0], horizontal=inputs[0]["flips"]),
        spec.degrade,
        shape=(*spec.crop_size, spec.views[0].channels),
        seed=inputs[0].get("noise_seeds"),
        on_gpu=spec.on_gpu,
    )
    return [normalize(degraded, view=spec.views[0], mirror=0), images[-1]]


def _crops(inputs: Sequence[Inputs], spec: PixelSpec) -> list[Node]:
    """Of each view, HWC: uint8, or float32 for deeper values; turned, if that is wanted."""
    pictures = [_Picture(fed["files"], view=view, spec=spec) for view, fed in zip(spec.views, inputs, strict=True)]
    sizes = [picture.size for picture in pictures]
    if spec.is_aligned and len(sizes) > 1 and not all(isinstance(size, tuple) for size in sizes):
        sizes = require_equal_sizes(*sizes)
    crops = []
    for picture, size, fed in zip(pictures, sizes, inputs, strict=True):
        start = corner(fed["places"], size=size, crop_size=spec.crop_size)
        crop = picture.cut({"start": start, "shape": spec.crop_size, "axes": (0, 1)})
        crops.append(_turn(crop, fed["turns"], spec.crop_size) if spec.rotate else crop)
    return crops


class _Picture:
    """One view's image, decoded and resized no further than its crop needs.

    Args:
        file: encoded, on the CPU.
    """

    size: Node | Shape
    """Height and width once it is resized: known from the manifest, or in the graph."""

    def __init__(self, file: Node, *, view: View, spec: PixelSpec) -> None:
        self._file, self._view, self._spec = file, view, spec
        self._decoded: Node | None = None
        native = None if view.width is None or view.height is None else (view.height, view.width)
        if spec.resize == "stretch" or native is not None:
            self.size = known_size(native or spec.load_size, resize=spec.resize, load_size=spec.load_size)
            self._is_native = self.size == native
        else:
            self.size = size_in_graph(self._shape(), resize=spec.resize, load_size=spec.load_size)
            self._is_native = spec.resize == "none"

    def cut(self, window: dict[str, Any]) -> Node:
        """The crop, of which a file of DALI's kinds is decoded alone if it is not to be resized."""
        if self._is_native and is_dalis(self._view):
            return decode_with_dali(self._file, view=self._view, on_gpu=self._spec.on_gpu, window=window)
        image = self._decode()
        if self._spec.on_gpu and not is_dalis(self._view):
            image = image.gpu()
        if not self._is_native:
            is_classes = self._view.content == "classes"
            image = resize(image, size=self.size, on_gpu=self._spec.on_gpu, nearest=is_classes)
        return fn.slice(image, **window)

    def _shape(self) -> Node:
        """Height, width, channels as stored."""
        return fn.peek_image_shape(self._file) if is_dalis(self._view) else self._decode().shape()

    def _decode(self) -> Node:
        if self._decoded is None and is_dalis(self._view):
            self._decoded = decode_with_dali(self._file, view=self._view, on_gpu=self._spec.on_gpu)
        elif self._decoded is None:
            spec = self._spec
            self._decoded = decode_with_codec(
                self._file, view=self._view, classes=spec.classes, num_threads=spec.num_threads
            )
        return self._decoded


def _turn(crop: Node, matrix: Node, size: Shape) -> Node:
    """By quarter turns: pixels move, and none is mixed with another."""
    return fn.warp_affine(crop, matrix=matrix, size=size, interp_type=DALIInterpType.INTERP_NN, inverse_map=True)


def _light(crop: Node, fed: Inputs, *, place: int, spec: PixelSpec) -> Node:
    if place != spec.jittered:
        return crop
    return _jitter(crop, fed["light"], jitter=spec.jitter, is_grey=spec.views[place].channels == 1)


def _jitter(crop: Node, light: Node, *, jitter: JitterConfig, is_grey: bool) -> Node:
    """uint8 -> uint8. `light`: float32 [4] in [-1, 1)."""
    factors: dict[str, Node] = {
        "brightness": 1 + jitter.brightness * light[0],
        "contrast": 1 + jitter.contrast * light[1],
    }
    if is_grey:
        return fn.brightness_contrast(crop, **factors)
    return fn.color_twist(crop, **factors, saturation=1 + jitter.saturation * light[2], hue=jitter.hue * light[3])


def normalize(image: Node, *, view: View, mirror: Node) -> Node:
    """The view's range of values to [-1, 1], float32; what lies beyond is cut, as cubic resizing may overshoot."""
    low, high = _WHOLE_RANGE if view.content == "classes" else view.value_range
    normal = fn.crop_mirror_normalize(
        image,
        mirror=mirror,
        mean=[(high + low) / 2],
        std=[(high - low) / 2],
        dtype=DALIDataType.FLOAT,
        output_layout="HWC",
    )
    fits = (view.dtype == "uint8" and low <= 0 and high >= 255) or view.content == "classes"
    return normal if fits else dali_math.clamp(normal, -1.0, 1.0)

"""The graph of DALI from the encoded files of a sample to aligned images in [-1, 1]."""

from collections.abc import Mapping, Sequence

from nvidia.dali import fn
from nvidia.dali import math as dali_math
from nvidia.dali.types import DALIDataType, DALIInterpType

from sharding.format.manifest import View
from trainer.config.data import JitterConfig
from trainer.data.decoding import decode_with_codec, decode_with_dali, is_dalis
from trainer.data.degrade import degrade
from trainer.data.geometry import Shape, corner, known_size, require_equal_sizes, size_in_graph
from trainer.data.resize import Node, resize_and_crop
from trainer.data.spec import PixelSpec, may_exceed

Inputs = Mapping[str, Node]
"""What enters of one view, by the names of `EncodedView`'s fields; `turns` as matrices."""


def outputs(inputs: Sequence[Inputs], *, spec: PixelSpec) -> list[Node]:
    """Images on a GPU: float32 HWC in [-1, 1]; one for each view, or the degraded first and the last.

    On the CPU their crops, uint8 or float32, in the range of the stored values, and behind them one int32 for each:
    whether it is still to be mirrored.
    """
    crops = [_light(crop, inputs[place], place=place, spec=spec) for place, crop in enumerate(_crops(inputs, spec))]
    flips = [fed["flips"] for fed in inputs]
    if spec.degrade.kind != "none":
        degraded = degrade(
            fn.flip(crops[0], horizontal=flips[0]),
            spec.degrade,
            shape=(*spec.crop_size, spec.views[0].channels),
            seed=inputs[0].get("noise_seeds"),
            on_gpu=spec.on_gpu,
        )
        crops, flips = [degraded, crops[-1]], [flips[0] * 0, flips[-1]]
    if not spec.on_gpu:
        return [*crops, *flips]
    return [
        _normalize(crop, mirror=flip, view=view)
        for crop, flip, view in zip(crops, flips, spec.output_views, strict=True)
    ]


def _crops(inputs: Sequence[Inputs], spec: PixelSpec) -> list[Node]:
    """The crop of each view, HWC: uint8, or float32 for deeper values; turned, if that is wanted."""
    pictures = [_Picture(fed["files"], view=view, spec=spec) for view, fed in zip(spec.views, inputs, strict=True)]
    sizes = [picture.size for picture in pictures]
    if spec.is_aligned and len(sizes) > 1 and not all(isinstance(size, tuple) for size in sizes):
        sizes = require_equal_sizes(*sizes)
    crops = []
    for picture, size, fed in zip(pictures, sizes, inputs, strict=True):
        crop = picture.cut(corner(fed["places"], size=size, crop_size=spec.crop_size))
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

    def cut(self, corner: Node) -> Node:
        """The crop, of which a file of DALI's kinds is decoded alone if it is not to be resized."""
        if self._is_native and is_dalis(self._view):
            window = {"start": corner, "shape": self._spec.crop_size, "axes": (0, 1)}
            return decode_with_dali(self._file, view=self._view, on_gpu=self._spec.on_gpu, window=window)
        image = self._decode()
        if self._spec.on_gpu and not is_dalis(self._view):
            image = image.gpu()
        if self._is_native:
            return fn.slice(image, start=corner, shape=self._spec.crop_size, axes=(0, 1))
        return resize_and_crop(
            image,
            corner,
            size=self.size,
            crop_size=self._spec.crop_size,
            num_threads=self._spec.num_threads,
            on_gpu=self._spec.on_gpu,
            nearest=self._spec.is_nearest(self._view),
        )

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
    """Turn by quarters: pixels move, and none is mixed with another."""
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


def _normalize(image: Node, *, mirror: Node, view: View) -> Node:
    low, high = view.decoded_range
    normal = fn.crop_mirror_normalize(
        image,
        mirror=mirror,
        mean=[(high + low) / 2],
        std=[(high - low) / 2],
        dtype=DALIDataType.FLOAT,
        output_layout="HWC",
    )
    return dali_math.clamp(normal, -1.0, 1.0) if may_exceed(view) else normal

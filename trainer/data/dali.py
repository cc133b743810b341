"""Encoded bytes -> aligned crops, by one DALI pipeline on the CPU or on a GPU.

Which samples, crops and flips is decided outside (`order.py`) and enters through `external_source` as data: a
checkpoint of DALI's own reader is accepted by another number of ranks and then gives a wrong order, silently.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from nvidia.dali import fn
from nvidia.dali.pipeline import Pipeline
from nvidia.dali.plugin.pytorch import DALIGenericIterator
from nvidia.dali.types import DALIDataType, DALIImageType, DALIInterpType
from torch import Tensor

from sharding.manifest import View

PREFETCH_BATCHES = 2
"""Batches that DALI works on while the trainer uses the one before."""


@dataclass(frozen=True, kw_only=True)
class PixelSpec:
    """What becomes of the images, and where; equal for all views, so that they stay aligned."""

    views: Sequence[View]
    load_size: int
    """Pixels: images are resized to a square of this side, whatever their shape."""
    crop_size: int
    """Pixels: side of the square that is cut out of it."""
    batch_size: int
    """The most samples that a batch may have."""
    num_threads: int
    device_id: int | None
    """Index of the GPU, None for the CPU."""

    def __post_init__(self) -> None:
        if not 0 < self.crop_size <= self.load_size:
            raise ValueError(
                f"crop_size = {self.crop_size}: must be at least 1 and at most load_size = {self.load_size}."
            )


@dataclass(frozen=True, kw_only=True)
class EncodedBatch:
    """The input of one run of the pipeline, for N samples."""

    files: Sequence[list[NDArray[np.uint8]]]
    """For each view the N encoded images."""
    corners: NDArray[np.int32]
    """[N, 2] row and column of the crop's upper left pixel in the image of `load_size`."""
    flips: NDArray[np.int32]
    """[N] 1 to mirror the crop left to right, else 0."""


Node = Any
"""A value in DALI's graph. Its stubs say that operators may return lists or None, which these do not."""

Source = Callable[[int], EncodedBatch]
"""Batch number -> batch: a pure function, because DALI asks ahead. Raises StopIteration after the last."""


def build_pipeline(source: Source, *, spec: PixelSpec, prefetch: int) -> Pipeline:
    """A pipeline with one output for each view: float32 NHWC in [-1, 1]; HWC is what cuDNN and oneDNN want.

    With the dynamic executor, each output is a fresh buffer that lives as long as a tensor refers to it:
    torch can take it over without a copy.
    """

    def feed(number: int) -> tuple[Any, ...]:
        batch = source(number)
        return *batch.files, batch.corners, batch.flips

    pipeline = Pipeline(
        batch_size=spec.batch_size,
        num_threads=spec.num_threads,
        device_id=spec.device_id,
        prefetch_queue_depth=prefetch,
        exec_dynamic=True,
    )
    with pipeline:
        *files, corners, flips = fn.external_source(
            source=feed,
            batch=True,
            num_outputs=len(spec.views) + 2,
            dtype=[DALIDataType.UINT8] * len(spec.views) + [DALIDataType.INT32, DALIDataType.INT32],
            ndim=[1] * len(spec.views) + [1, 0],
        )
        crops = [_crop(file, corners, view=view, spec=spec) for file, view in zip(files, spec.views, strict=True)]
        pipeline.set_outputs(*(_normalize(crop, flips) for crop in crops))
    pipeline.build()
    return pipeline


def _crop(file: Node, corner: Node, *, view: View, spec: PixelSpec) -> Node:
    """Decode one view and cut the crop out, uint8 HWC."""
    decoding: dict[str, Any] = {
        "device": "cpu" if spec.device_id is None else "mixed",
        "output_type": DALIImageType.GRAY if view.channels == 1 else DALIImageType.RGB,
        "jpeg_fancy_upsampling": True,  # without it a GPU's colours differ from the CPU's at edges
        "affine": False,  # else the decoding threads of all ranks are pinned to the same few cores
    }
    window: dict[str, Any] = {"start": corner, "shape": (spec.crop_size, spec.crop_size), "axes": (0, 1)}
    if view.width == view.height == spec.load_size:
        return fn.decoders.image_slice(file, **decoding, **window)  # decodes little more than the crop
    image = fn.decoders.image(file, **decoding)
    return fn.slice(_resize(image, size=spec.load_size, on_gpu=spec.device_id is not None), **window)


def _resize(image: Node, *, size: int, on_gpu: bool) -> Node:
    """Cubic with antialiasing; the image's borders stay in place.

    DALI's kernel for the CPU is not vectorised and torch's for uint8 is (2.3 against 0.35 ms for an image of
    256 px), so the CPU takes torch's, in DALI's own thread. On photographs the two agree to two grey levels.
    """
    if on_gpu:
        return fn.resize(image, size=(size, size), interp_type=DALIInterpType.INTERP_CUBIC, antialias=True)
    resized: Node = fn.python_function(
        image, function=partial(resize_on_cpu, size=size), num_outputs=1, batch_processing=True
    )
    return fn.reshape(resized, layout="HWC")


def resize_on_cpu(images: list[NDArray[np.uint8]], *, size: int) -> list[NDArray[np.uint8]]:
    """Each [H, W, C] -> [size, size, C]."""
    # The new axis first: after permute(), [None] gives strides that torch takes for NCHW, and it transposes twice.
    channels_last = (torch.from_numpy(image)[None].permute(0, 3, 1, 2) for image in images)
    resized = (F.interpolate(image, (size, size), mode="bicubic", antialias=True) for image in channels_last)
    return [image[0].permute(1, 2, 0).contiguous().numpy() for image in resized]


def _normalize(crop: Node, flip: Node) -> Node:
    return fn.crop_mirror_normalize(
        crop, mirror=flip, mean=[127.5], std=[127.5], dtype=DALIDataType.FLOAT, output_layout="HWC"
    )


class PixelStream:
    """Iterates over the decoded batches of a source: for each view a float32 tensor NCHW, channels_last."""

    def __init__(self, source: Source, *, spec: PixelSpec) -> None:
        self._names = [str(place) for place in range(len(spec.views))]
        self._pipeline = build_pipeline(source, spec=spec, prefetch=PREFETCH_BATCHES)
        self._iterator = DALIGenericIterator([self._pipeline], self._names, prepare_first_batch=False)

    def __next__(self) -> list[Tensor]:
        (outputs,) = next(self._iterator)
        return [outputs[name].permute(0, 3, 1, 2) for name in self._names]

    def close(self) -> None:
        """End DALI's threads and free its memory; batches that were handed out stay valid."""
        self._pipeline._shutdown()  # DALI does this where a pipeline is deleted, and has no public name for it


def first_undecodable(batch: EncodedBatch, *, spec: PixelSpec) -> tuple[int, int, str] | None:
    """The first image that cannot be decoded: the sample's place in the batch, the view's place, DALI's
    reason.

    DALI says only that some image of a batch failed, so this decodes them one by one, on the CPU.
    """
    for column, view in enumerate(spec.views):

        def single(number: int, column: int = column) -> EncodedBatch:
            row = slice(number, number + 1)
            return EncodedBatch(files=[batch.files[column][row]], corners=batch.corners[row], flips=batch.flips[row])

        alone = replace(spec, views=[view], batch_size=1, num_threads=1, device_id=None)
        pipeline = build_pipeline(single, spec=alone, prefetch=1)
        for row in range(len(batch.files[column])):
            try:
                pipeline.run()
            except RuntimeError as error:
                return row, column, _gist(str(error))
    return None


def _gist(message: str) -> str:
    """What a message of DALI says, without where in our code and in theirs."""
    said = message.partition("encountered:")[2].partition("C++ context")[0]
    return " ".join(said.split()) or message

"""Encoded bytes -> aligned crops, by one DALI pipeline on the CPU or on a GPU.

Which samples, crops and flips is decided outside (`order.py`) and enters through `external_source` as data: a
checkpoint of DALI's own reader is accepted by another number of ranks and then gives a wrong order, silently.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nvidia.dali import fn
from nvidia.dali.pipeline import Pipeline
from nvidia.dali.plugin.pytorch import DALIGenericIterator
from nvidia.dali.types import DALIDataType, DALIImageType
from torch import Tensor

from sharding.manifest import View
from trainer.config import DegradeConfig
from trainer.data.degrade import degrade
from trainer.data.finishing import finish
from trainer.data.resize import Node, resize_and_crop

PREFETCH_BATCHES = 2
"""Batches that DALI works on while the trainer uses the one before."""


@dataclass(frozen=True, kw_only=True)
class PixelSpec:
    """What becomes of the images, and where; equal for all views, so that they stay aligned."""

    views: Sequence[View]
    """Of the images that come in."""
    degrade: DegradeConfig = field(default_factory=DegradeConfig)
    """If of a kind, there are two outputs: the first view degraded, and the last as it is (they may be the same)."""
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
class EncodedView:
    """One view of N samples, as it enters the pipeline."""

    files: list[NDArray[np.uint8]]
    """The N encoded images."""
    corners: NDArray[np.int32]
    """[N, 2] row and column of the crop's upper left pixel in the image of `load_size`."""
    flips: NDArray[np.int32]
    """[N] 1 to mirror the crop left to right, else 0."""
    noise_seeds: NDArray[np.int64]
    """[N] of the noise that is added where the view is to be noisy."""


Source = Callable[[int], Sequence[EncodedView]]
"""Batch number -> its views: a pure function, because DALI asks ahead. Raises StopIteration after the last."""


def build_pipeline(source: Source, *, spec: PixelSpec, prefetch: int) -> Pipeline:
    """A pipeline whose outputs are NHWC, which is what cuDNN and oneDNN want; on a GPU float32 in [-1, 1].

    On the CPU they are uint8, followed by one int32 for each sample and output: whether it is still to be mirrored.

    With the dynamic executor, each output is a fresh buffer that lives as long as a tensor refers to it:
    torch can take it over without a copy.
    """
    num_views, is_noisy = len(spec.views), spec.degrade.kind == "noise"

    def feed(number: int) -> tuple[Any, ...]:
        views = source(number)
        fed = [data for view in views for data in (view.files, view.corners, view.flips)]
        return (*fed, views[0].noise_seeds) if is_noisy else tuple(fed)

    pipeline = Pipeline(
        batch_size=spec.batch_size,
        num_threads=spec.num_threads,
        device_id=spec.device_id,
        prefetch_queue_depth=prefetch,
        exec_dynamic=True,
    )
    with pipeline:
        inputs = fn.external_source(
            source=feed,
            batch=True,
            num_outputs=3 * num_views + is_noisy,
            dtype=[DALIDataType.UINT8, DALIDataType.INT32, DALIDataType.INT32] * num_views
            + [DALIDataType.INT64] * is_noisy,
            ndim=[1, 1, 0] * num_views + [0] * is_noisy,
        )
        pipeline.set_outputs(*_outputs(inputs, spec=spec))
    pipeline.build()
    return pipeline


def _outputs(inputs: Node, *, spec: PixelSpec) -> list[Node]:
    """`inputs`: three for each view, and the seeds last if noise is wanted."""
    crops = [_crop(*inputs[3 * place : 3 * place + 2], view=view, spec=spec) for place, view in enumerate(spec.views)]
    flips = inputs[2::3][: len(crops)]
    if spec.degrade.kind != "none":
        degraded = degrade(
            fn.flip(crops[0], horizontal=flips[0]),
            spec.degrade,
            shape=(spec.crop_size, spec.crop_size, spec.views[0].channels),
            seed=inputs[-1],
            on_gpu=spec.device_id is not None,
        )
        crops, flips = [degraded, crops[-1]], [flips[0] * 0, flips[-1]]
    if spec.device_id is None:
        return [*crops, *flips]
    return [_normalize(crop, mirror=flip) for crop, flip in zip(crops, flips, strict=True)]


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
    return resize_and_crop(
        fn.decoders.image(file, **decoding),
        corner,
        size=spec.load_size,
        crop_size=spec.crop_size,
        num_threads=spec.num_threads,
        on_gpu=spec.device_id is not None,
    )


def _normalize(image: Node, *, mirror: Node) -> Node:
    return fn.crop_mirror_normalize(
        image, mirror=mirror, mean=[127.5], std=[127.5], dtype=DALIDataType.FLOAT, output_layout="HWC"
    )


class PixelStream:
    """Iterates over the decoded batches of a source: for each output a float32 tensor NCHW, channels_last."""

    def __init__(self, source: Source, *, spec: PixelSpec) -> None:
        num_images = len(spec.views) if spec.degrade.kind == "none" else 2
        self._images = [f"image{place}" for place in range(num_images)]
        self._flips = [f"flip{place}" for place in range(num_images)] if spec.device_id is None else []
        self._pipeline = build_pipeline(source, spec=spec, prefetch=PREFETCH_BATCHES)
        names = [*self._images, *self._flips]
        self._iterator = DALIGenericIterator([self._pipeline], names, prepare_first_batch=False)

    def __next__(self) -> list[Tensor]:
        (outputs,) = next(self._iterator)
        images = [outputs[name] for name in self._images]
        if not self._flips:
            return [image.permute(0, 3, 1, 2) for image in images]
        flips = [outputs[name].flatten().tolist() for name in self._flips]
        return [finish(image, mirrored=flip, value_range=(0, 255)) for image, flip in zip(images, flips, strict=True)]

    def close(self) -> None:
        """End DALI's threads and free its memory; batches that were handed out stay valid."""
        self._pipeline._shutdown()  # DALI does this where a pipeline is deleted, and has no public name for it


def first_undecodable(batch: Sequence[EncodedView], *, spec: PixelSpec) -> tuple[int, int, str] | None:
    """The first image that cannot be decoded: the sample's place in the batch, the view's place, DALI's
    reason.

    DALI says only that some image of a batch failed, so this decodes them one by one, on the CPU.
    """
    for column, (view, encoded) in enumerate(zip(spec.views, batch, strict=True)):

        def single(number: int, encoded: EncodedView = encoded) -> list[EncodedView]:
            row = slice(number, number + 1)
            values = {name: getattr(encoded, name)[row] for name in ("files", "corners", "flips", "noise_seeds")}
            return [EncodedView(**values)]

        alone = replace(spec, views=[view], degrade=DegradeConfig(), batch_size=1, num_threads=1, device_id=None)
        pipeline = build_pipeline(single, spec=alone, prefetch=1)
        for row in range(len(encoded.files)):
            try:
                pipeline.run()
            except RuntimeError as error:
                return row, column, _gist(str(error))
    return None


def _gist(message: str) -> str:
    """What a message of DALI says, without where in our code and in theirs."""
    said = message.partition("encountered:")[2].partition("C++ context")[0]
    return " ".join(said.split()) or message

"""Encoded bytes -> aligned crops, by one DALI pipeline on the CPU or on a GPU.

Which samples, crops and flips is decided outside (`order.py`) and enters through `external_source` as data: a
checkpoint of DALI's own reader is accepted by another number of ranks and then gives a wrong order, silently.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

from nvidia.dali import fn
from nvidia.dali.pipeline import Pipeline
from nvidia.dali.plugin.pytorch import DALIGenericIterator
from nvidia.dali.types import DALIDataType
from torch import Tensor

from trainer.config.data import DegradeConfig, JitterConfig
from trainer.data.crops import outputs
from trainer.data.finishing import finish
from trainer.data.geometry import turning_matrices
from trainer.data.spec import EncodedView, PixelSpec, Source, may_exceed

PREFETCH_BATCHES = 3
"""Batches that each pipeline works on while the trainer uses the one before."""
NUM_PIPELINES = 2
"""That take the batches in turn on the CPU. The threads of one alone wait for the last image of each view of each
batch: a sixth of two cores' time."""

_TYPES = {
    "files": (DALIDataType.UINT8, 1),
    "places": (DALIDataType.FLOAT64, 1),
    "flips": (DALIDataType.INT32, 0),
    "turns": (DALIDataType.FLOAT, 2),
    "light": (DALIDataType.FLOAT, 1),
    "noise_seeds": (DALIDataType.INT64, 0),
}
"""Type and number of dimensions of what may be fed, by the names of `EncodedView`'s fields; turns as matrices."""


def build_pipeline(source: Source, *, spec: PixelSpec, prefetch: int) -> Pipeline:
    """A pipeline with the outputs of `crops.outputs`, NHWC, which is what cuDNN and oneDNN want.

    With the dynamic executor, each output is a fresh buffer that lives as long as a tensor refers to it:
    torch can take it over without a copy.
    """
    wanted = _wanted(spec)

    def feed(number: int) -> tuple[Any, ...]:
        views = source(number)
        return tuple(_fed(views[place], name, spec) for place, name in wanted)

    pipeline = Pipeline(
        batch_size=spec.batch_size,
        num_threads=spec.num_threads,
        device_id=spec.device_id,
        prefetch_queue_depth=prefetch,
        exec_dynamic=True,
    )
    with pipeline:
        nodes = fn.external_source(
            source=feed,
            batch=True,
            num_outputs=len(wanted),
            dtype=[_TYPES[name][0] for _, name in wanted],
            ndim=[_TYPES[name][1] for _, name in wanted],
        )
        inputs: list[dict[str, Any]] = [{} for _ in spec.views]
        for (place, name), node in zip(wanted, nodes, strict=True):
            inputs[place][name] = node
        pipeline.set_outputs(*outputs(inputs, spec=spec))
    pipeline.build()
    return pipeline


def _wanted(spec: PixelSpec) -> list[tuple[int, str]]:
    """What is fed: the places of views, and the names of fields. No more than the graph uses."""
    return [
        (place, name)
        for place in range(len(spec.views))
        for name, is_wanted in {
            "files": True,
            "places": True,
            "flips": True,
            "turns": spec.rotate,
            "light": place == spec.jittered,
            "noise_seeds": place == 0 and spec.degrade.kind == "noise",
        }.items()
        if is_wanted
    ]


def _fed(view: EncodedView, name: str, spec: PixelSpec) -> Any:
    values = getattr(view, name)
    return turning_matrices(values, side=spec.crop_size[0]) if name == "turns" else values


class PixelStream:
    """Iterates over the decoded batches of a source: for each output a float32 tensor NCHW, channels_last.

    The pipelines share the threads; no more of them than there are threads, and one for a GPU.
    """

    def __init__(self, source: Source, *, spec: PixelSpec) -> None:
        self._views = spec.output_views
        self._images = [f"image{place}" for place in range(len(self._views))]
        self._flips = [] if spec.on_gpu else [f"flip{place}" for place in range(len(self._views))]
        num = 1 if spec.on_gpu else min(NUM_PIPELINES, spec.num_threads)
        share = replace(spec, num_threads=-(-spec.num_threads // num))

        def every(first: int) -> Source:
            return lambda number: source(first + number * num)

        self._pipelines = [build_pipeline(every(first), spec=share, prefetch=PREFETCH_BATCHES) for first in range(num)]
        names = [*self._images, *self._flips]
        self._turns = cycle(
            [DALIGenericIterator([pipeline], names, prepare_first_batch=False) for pipeline in self._pipelines]
        )

    def __next__(self) -> list[Tensor]:
        (results,) = next(next(self._turns))
        images = [results[name] for name in self._images]
        if not self._flips:
            return [image.permute(0, 3, 1, 2) for image in images]
        flips = [results[name].flatten().tolist() for name in self._flips]
        return [
            finish(image, mirrored=flip, value_range=view.decoded_range, cut=may_exceed(view))
            for image, flip, view in zip(images, flips, self._views, strict=True)
        ]

    def close(self) -> None:
        """End DALI's threads and free its memory; batches that were handed out stay valid."""
        for pipeline in self._pipelines:
            pipeline._shutdown()  # DALI does this where a pipeline is deleted, and has no public name for it


def first_unusable(batch: Sequence[EncodedView], *, spec: PixelSpec) -> tuple[int, int | None, str] | None:
    """The first sample that cannot be made a crop of: its place in the batch, the place of the view that is at fault
    (None: only all together are), DALI's reason.

    DALI says only that some image of a batch failed, so this takes them one by one, on the CPU.
    """
    alone = replace(spec, degrade=DegradeConfig(), jitter=JitterConfig(), batch_size=1, num_threads=1, device_id=None)
    views = [replace(alone, views=[view]) for view in spec.views]
    for row in range(len(batch[0].files)):
        sample = [view.row(row) for view in batch]
        reason = _failure(sample, alone)
        if reason is None:
            continue
        for column, view in enumerate(views):
            own = _failure([sample[column]], view)
            if own is not None:
                return row, column, own
        return row, None, reason
    return None


def _failure(sample: Sequence[EncodedView], spec: PixelSpec) -> str | None:
    """Why the sample fails, if it does."""
    try:
        build_pipeline(lambda number: sample, spec=spec, prefetch=1).run()
    except RuntimeError as error:
        return _gist(str(error))
    return None


def _gist(message: str) -> str:
    """What a message of DALI says, without where in our code and in theirs."""
    said = " ".join((message.partition("encountered:")[2] or message).partition("C++ context")[0].split())
    _, is_ours, own = said.partition("PythonFunction error: ")
    if is_ours:  # `DatasetError: what it says At: a stack`
        said = own.partition(" At: ")[0].partition(": ")[2]
    return said or message

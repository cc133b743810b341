"""Where a pair's time goes in our loader: each stage alone, on one thread, in processor time."""

import time
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

import numpy as np
import torch
from nvidia.dali import fn
from nvidia.dali.pipeline import Pipeline
from nvidia.dali.types import DALIDataType

from benchmarks.work import Work, open_loader
from sharding.console import markdown_table
from sharding.format.manifest_file import read_manifest
from trainer.data.finishing import finish
from trainer.data.resize import resize_and_crop

NUM_FILES = 256

Stage = Callable[[], object]
"""Does the work of one batch of pairs, but one stage of it only, or all up to one."""


def shares(work: Work, *, rounds: int, batches: int) -> list[str]:
    """The Markdown table of one kind of work."""
    is_resized = read_manifest(work.folder).views[work.views[0]].width != work.load_size
    costs = _costs(work, is_resized=is_resized, rounds=rounds, batches=batches)
    decode = costs["decoded"] - costs["fed"]
    parts = {
        "read from the shards, draw crops": costs["read"],
        "decode" if is_resized else "decode the crop": decode,
        "resize and crop": costs["resized"] - costs["decoded"] if is_resized else 0.0,
        "mirror and normalise": costs["finished"],
    }
    parts["rest: copies, hand-over between threads"] = costs["whole"] - sum(parts.values())
    rows = [[name, f"{cost:.3f}", f"{100 * cost / costs['whole']:.0f} %"] for name, cost in parts.items()]
    titles = [work.title, "CPU ms a pair", "share"]
    return markdown_table(titles, [*rows, ["whole", f"{costs['whole']:.3f}", "100 %"]], is_markup=True)


def _costs(work: Work, *, is_resized: bool, rounds: int, batches: int) -> dict[str, float]:
    """Milliseconds of processor time a pair: the stages take turns; medians."""
    loader = open_loader(work)
    numbers = count()
    pixels = torch.randint(0, 256, (work.batch_size, work.crop_size, work.crop_size, 3), dtype=torch.uint8)
    mirrored = [row % 2 for row in range(work.batch_size)]
    stages: dict[str, Stage] = {
        "read": lambda: loader._stream._source(next(numbers)),
        "fed": _pipeline(work, until="fed").run,
        "decoded": _pipeline(work, until="decoded" if is_resized else "decoded crop").run,
        "resized": _pipeline(work, until="resized").run,
        "finished": lambda: [finish(pixels, mirrored=mirrored, value_range=(0, 255), cut=False) for _ in work.views],
        "whole": lambda: next(loader),
    }
    spent: dict[str, list[float]] = {name: [] for name in stages}
    for current in range(rounds + 1):
        for name, stage in stages.items():
            start = time.process_time()
            for _ in range(batches):
                stage()
            if current:  # the first warms up
                spent[name].append(1000 * (time.process_time() - start) / (batches * work.batch_size))
    loader.close()
    return {name: median(values) for name, values in spent.items()}


def _pipeline(work: Work, *, until: str) -> Pipeline:
    """The operators of `trainer/data`, up to one of them; on one thread, and nothing is done ahead."""
    files = _files(work)
    draws = np.random.default_rng(0)
    corners = draws.integers(0, work.load_size - work.crop_size + 1, (len(files), 2)).astype(np.int32)
    num_images = work.batch_size * len(work.views)

    def feed(number: int) -> tuple[Any, ...]:
        rows = [(number * num_images + row) % len(files) for row in range(num_images)]
        return [files[row] for row in rows], corners[rows]

    pipeline = Pipeline(num_images, num_threads=1, device_id=None, exec_dynamic=True, prefetch_queue_depth=1)
    with pipeline:
        file, corner = fn.external_source(
            source=feed, batch=True, num_outputs=2, dtype=[DALIDataType.UINT8, DALIDataType.INT32], ndim=[1, 1]
        )
        pipeline.set_outputs(_graph(file, corner, work=work, until=until), corner)
    pipeline.build()
    return pipeline


def _graph(file: Any, corner: Any, *, work: Work, until: str) -> Any:
    if until == "fed":
        return file
    if until == "decoded crop":
        shape = (work.crop_size, work.crop_size)
        return fn.decoders.image_slice(file, start=corner, shape=shape, axes=(0, 1), affine=False)
    image = fn.decoders.image(file, affine=False)
    if until == "decoded":
        return image
    size, crop_size = (work.load_size, work.load_size), (work.crop_size, work.crop_size)
    return resize_and_crop(image, corner, size=size, crop_size=crop_size, num_threads=1, on_gpu=False)


def _files(work: Work) -> list[Any]:
    """Encoded images of all views, as the loader meets them."""
    loader = open_loader(work)
    batches = (loader._stream._source(number) for number in range(max(1, NUM_FILES // work.batch_size)))
    files = [file for batch in batches for rows in zip(*(view.files for view in batch), strict=True) for file in rows]
    loader.close()
    return files

"""Pictures that an exported translation is tried on: those of the run's data set, where it is there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sharding.errors import DatasetError
from sharding.format.codec.decoding import decode, decode_indices
from sharding.format.manifest import View
from sharding.reading.reader import ShardReader
from trainer.data.randomness import seeded
from trainer.exports.plain import CPU, Inputs
from trainer.pictures.files import class_palette
from trainer.runs.opened import OpenRun


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """Some pictures of the source's view."""

    planes: tuple[Tensor, ...]
    """Each float32 (C, H, W) in the values of the view's files, of its own size."""
    told: str
    """Which ones they are, for the model card."""

    def batch(self, num: int, *, height: int, width: int, inputs: Inputs) -> tuple[Tensor, ...]:
        """The first ones, again from the front where there are fewer, resized: what `PlainTranslation` takes."""
        low, high = inputs.source.decoded_range
        chosen = [self.planes[number % len(self.planes)][None] for number in range(num)]
        resized = [F.interpolate(one, (height, width), mode="bicubic", antialias=True) for one in chosen]
        image = torch.cat(resized).clamp(low, high)
        return (image, torch.arange(num) % len(inputs.labels)) if inputs.labels else (image,)


def find_pictures(opened: OpenRun, inputs: Inputs, *, num: int) -> Pictures:
    """Some of the split that ends a run, test where there is one; noise if the data set is not on this machine."""
    try:
        planes = tuple(read_stored(opened, inputs.source, num=num))
    except (DatasetError, OSError):  # the run was moved without its data
        planes = ()
    if not planes:
        return Pictures(planes=tuple(_noise(inputs, num)), told="noise, because the data set was not there")
    split = opened.subject.stored_split(opened.subject.final_split)
    name = _name(opened, inputs.source)
    return Pictures(planes=planes, told=f"{len(planes)} pictures of view {name}, split {split}")


def read_stored(opened: OpenRun, view: View, *, num: int) -> list[Tensor]:
    """Pictures of a view, float32 (C, H, W) in its values, of the split that ends a run; none where data lie far away.

    Raises DatasetError if they are not there, or damaged.
    """
    subject = opened.subject
    split = subject.stored_split(subject.final_split)
    if not isinstance(subject.data.path, Path) or split not in subject.manifest.splits:
        return []
    return list(islice(_stored(opened, split, _name(opened, view)), num))


def _name(opened: OpenRun, view: View) -> str:
    return next(name for name, other in opened.manifest.views.items() if other is view)


def _stored(opened: OpenRun, split: str, name: str) -> Iterator[Tensor]:
    manifest = opened.manifest
    reader = ShardReader(opened.subject.data.path, manifest, split=split, views=[name])
    view, palette = manifest.views[name], class_palette(manifest.classes)
    try:
        for shard, size in enumerate(reader.shard_sizes):
            for index in range(size):
                yield _planes(reader.read(shard, index)[name], view, palette)
    finally:
        reader.close()


def _planes(content: bytes, view: View, palette: np.ndarray) -> Tensor:
    if view.content == "classes":
        pixels = palette[decode_indices(content, name="the picture")[:, :, 0]]
    else:
        pixels = decode(content, name="the picture")
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)


def _noise(inputs: Inputs, num: int) -> Iterator[Tensor]:
    """Coarse and fine, as pictures are."""
    low, high = inputs.source.decoded_range
    height, width = inputs.trained_side
    with seeded(0, "pictures to try", device=CPU):
        for _ in range(num):
            coarse = F.interpolate(torch.rand(1, inputs.channels, 8, 8), (height, width), mode="bicubic")[0]
            fine = 0.1 * torch.rand(inputs.channels, height, width)
            yield (coarse + fine).clamp(0, 1) * (high - low) + low

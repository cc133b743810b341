"""What is done to files that are more than plain pictures, or are not to be treated as such."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sharding.errors import DatasetError
from sharding.format.codec.tiff_rows import encode_rows, place_tags
from sharding.format.manifest import ClassInfo, View
from sharding.storage.files import written_atomically
from trainer.config.errors import ConfigError
from trainer.inference.manner import Manner
from trainer.inference.media.kinds import Medium, medium_of
from trainer.inference.media.rows import Aside, PictureRows, Target, open_picture, write_rows
from trainer.inference.media.stacks import translate_stack
from trainer.inference.media.videos import translate_video
from trainer.inference.media.volumes import translate_volume
from trainer.inference.operation import Operation
from trainer.inference.padding import apply_padded, translate_image
from trainer.inference.sources import Source
from trainer.inference.tiles.bands import translate_by_tiles
from trainer.inference.tiles.grid import fitted
from trainer.inference.uncertainty import spreading
from trainer.pictures.files import UnreadablePictureError, fit_view
from trainer.pictures.stored import result_pixels
from trainer.pictures.tensors import to_picture


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made of one source."""

    pixels: int
    """Of all that was written."""
    beyond: float
    """How many of the source's values lay beyond the view's range, of 1."""
    note: str = ""
    """What people should know of it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """How files are translated in one call."""

    networks: Sequence[nn.Module]
    """Those that the operation may use."""
    manner: Manner
    classes: Sequence[ClassInfo]
    device: torch.device

    def takes(self, file: Source) -> bool:
        """Whether a file is not simply read, translated and written."""
        return not self.manner.is_plain or medium_of(file) != "picture"

    def sets(self, targets: Sequence[Path]) -> list[Sequence[Path]]:
        """The targets of each translation of a file: one file, or with uncertainty all."""
        return [targets] if self.manner.uncertainty != "none" else [[target] for target in targets]

    def write(self, file: Source, targets: Sequence[Path], *, operation: Operation) -> Made:
        """Translate one file to its targets, one translation and perhaps a map of its uncertainty.

        Raises:
            UnreadablePictureError, OSError: as `read_picture` and `written_atomically`.
        """
        medium = medium_of(file)
        if isinstance(file, Path) and medium in ("stack", "video", "volume"):
            return self._write_series(file, targets, operation, medium=medium)
        tags = place_tags(file) if isinstance(file, Path) and medium == "map" else []
        with open_picture(file, view=operation.source, classes=self.classes) as picture:
            rows = self.translated(picture, operation)
            size = picture.size if operation.side is None else (operation.side, operation.side)
            target = Target(path=targets[0], view=operation.result, classes=self.classes, tags=tags)
            if self.manner.uncertainty == "none":
                write_rows(target, rows, size=size)
            else:
                self._write_both(target, targets[1], rows, size=size)
            return Made(pixels=size[0] * size[1], beyond=picture.beyond)

    def _write_series(self, file: Path, targets: Sequence[Path], operation: Operation, *, medium: Medium) -> Made:
        """Each frame, plane or slice by itself, all with the same noise: nothing flickers that did not before."""
        if self.manner.uncertainty != "none":
            raise UnreadablePictureError("has many pictures, and uncertainty is written of one; give them as files")
        if operation.source.content == "classes":
            raise UnreadablePictureError("has no class numbers, which the run's view holds; give pictures of classes")
        beyond: list[float] = []
        num_pixels = 0
        devices = [self.device] if self.device.type == "cuda" else []

        def each(pixels: np.ndarray) -> np.ndarray:
            nonlocal num_pixels
            picture = PictureRows(fit_view(pixels, operation.source, has_alpha=False), operation.source)
            with torch.random.fork_rng(devices=devices):
                made = torch.cat([*self.translated(picture, operation)], dim=1)
            beyond.append(picture.beyond)
            num_pixels += made[0].numel()
            if medium == "video":
                return np.asarray(to_picture(made).convert("RGB"))
            return result_pixels(made, view=operation.result, classes=self.classes)

        try:
            note = _writer_of(medium, operation.source)(file, targets[0], each)
        except DatasetError as error:
            raise UnreadablePictureError(str(error)) from error
        return Made(pixels=num_pixels, beyond=sum(beyond) / max(1, len(beyond)), note=note)

    def translated(self, picture: PictureRows, operation: Operation) -> Iterator[Tensor]:
        """Rows (C, h, width) of a picture's translation; with uncertainty its deviation is one more channel."""
        manner = self.manner
        if manner.uncertainty != "none":
            apply = spreading(operation.apply, how=manner.uncertainty, num=manner.num_passes)
            operation = replace(operation, apply=apply)
        if manner.tiling is None:
            yield translate_image(operation, picture.read(0, picture.size[1]), device=self.device).float().cpu()
            return
        yield from translate_by_tiles(
            picture,
            partial(apply_padded, operation, device=self.device),
            tiling=fitted(manner.tiling, stride=operation.stride),
            stride=operation.stride,
            networks=self.networks,
        )

    def _write_both(self, target: Target, map_path: Path, rows: Iterator[Tensor], *, size: tuple[int, int]) -> None:
        low, high = target.view.decoded_range
        aside = Aside(size, folder=target.path.parent)
        write_rows(target, aside.split(rows, scale=(high - low) / 2), size=size)
        with written_atomically(map_path) as file:
            encode_rows(file, aside.parts(), size=size, channels=1, dtype="float32", tags=list(target.tags))


def _writer_of(medium: Medium, view: View) -> Callable[[Path, Path, Callable[[np.ndarray], np.ndarray]], str]:
    match medium:
        case "video":
            return translate_video
        case "volume":
            return translate_volume
        case _:
            return partial(translate_stack, channels=view.channels)


def check_tiling(operation: Operation, manner: Manner, *, label: str | None, method: str) -> None:
    """Raises ConfigError where a method does not work on parts of a picture."""
    if manner.tiling is None:
        return
    remedy = "leave tile out."
    if operation.side is not None:
        raise ConfigError("tile", manner.tiling.side, f"method.name = {method!r} takes pictures of one size; {remedy}")
    if label is not None:
        raise ConfigError("tile", manner.tiling.side, f"label = {label!r} is shown by a picture as a whole; {remedy}")

"""Pictures that are read, and translations that are written, a few rows at a time."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from sharding.errors import DatasetError
from sharding.format.codec.tiff_rows import ExtraTag, TiffRows, encode_rows, open_rows
from sharding.format.manifest import ClassInfo, View
from sharding.storage.files import written_atomically
from trainer.inference.sources import Source, read_source
from trainer.pictures.files import UnreadablePictureError, fit_view, read_picture
from trainer.pictures.stored import encode_stored, from_stored, result_pixels, share_beyond


class PictureRows:
    """A picture as a view has it: whole in memory as it is stored, or a TIFF that stays on disk."""

    def __init__(self, pixels: np.ndarray | TiffRows, view: View) -> None:
        self._pixels, self._view = pixels, view
        self._beyond = 0.0
        self.num_read = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        pixels = self._pixels
        return pixels.size if isinstance(pixels, TiffRows) else (pixels.shape[1], pixels.shape[0])

    def read(self, top: int, bottom: int) -> Tensor:
        """(C, bottom - top, width) in [-1, 1]. Raises UnreadablePictureError."""
        if isinstance(self._pixels, TiffRows):
            try:
                decoded = self._pixels.read(top, bottom)
                pixels = fit_view(decoded, self._view, has_alpha=self._pixels.has_alpha)
            except DatasetError as error:
                raise UnreadablePictureError(f"cannot be read: {error}") from error
        else:
            pixels = self._pixels[top:bottom]
        self._beyond += share_beyond(pixels, self._view) * (bottom - top)
        self.num_read += bottom - top
        return from_stored(pixels, self._view)

    @property
    def beyond(self) -> float:
        """How many of the values that were read lay beyond the view's range, of 1."""
        return self._beyond / max(1, self.num_read)


@contextmanager
def open_picture(path: Source, *, view: View, classes: Sequence[ClassInfo]) -> Iterator[PictureRows]:
    """A picture, read by rows where its file allows it: a TIFF of strips or tiles. Raises UnreadablePictureError."""
    if not isinstance(path, Path) or path.suffix.lower() not in (".tif", ".tiff") or view.content == "classes":
        yield PictureRows(read_source(path, view=view, classes=classes), view)
        return
    try:
        with open_rows(path) as rows:
            yield PictureRows(rows or read_picture(path, view=view, classes=classes), view)
    except (OSError, DatasetError) as error:
        raise UnreadablePictureError(f"cannot be read: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Target:
    """A file to be written, of what a view stores."""

    path: Path
    view: View
    classes: Sequence[ClassInfo] = ()
    tags: Sequence[ExtraTag] = ()
    """Of a TIFF, beside those of its pixels."""


def write_rows(target: Target, rows: Iterator[Tensor], *, size: tuple[int, int]) -> None:
    """Write a translation as its rows (C, h, width) come, whole or not at all.

    A TIFF goes to disk at once; of another file the pixels as they are stored are kept until the last row.

    Args:
        size: width and height of all.
    """
    stored = (result_pixels(part, view=target.view, classes=target.classes) for part in rows)
    if target.path.suffix == ".tif":
        channels = 1 if target.view.content == "classes" else target.view.channels
        with written_atomically(target.path) as file:
            tags = list(target.tags)
            encode_rows(file, stored, size=size, channels=channels, dtype=target.view.dtype, tags=tags)
        return
    pixels: np.ndarray | None = None
    top = 0
    for part in stored:
        if pixels is None:
            pixels = np.empty((size[1], size[0], part.shape[2]), part.dtype)
        pixels[top : top + len(part)] = part
        top += len(part)
    assert pixels is not None
    with written_atomically(target.path) as file:
        file.write(encode_stored(pixels, view=target.view, classes=target.classes))


class Aside:
    """Rows of one channel, laid aside on disk until those beside them are written."""

    def __init__(self, size: tuple[int, int], *, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed with the last reference to it
        self._rows = np.memmap(self._file, np.float32, "w+", shape=(size[1], size[0]))
        self._top = 0

    def split(self, rows: Iterator[Tensor], *, scale: float) -> Iterator[Tensor]:
        """Rows without their last channel, which is laid aside, multiplied by `scale`."""
        for part in rows:
            height = part.shape[1]
            self._rows[self._top : self._top + height] = (part[-1] * scale).numpy()
            self._top += height
            yield part[:-1]

    def parts(self) -> Iterator[np.ndarray]:
        """All that was laid aside: (h, width, 1)."""
        for top in range(0, len(self._rows), 256):
            yield self._rows[top : top + 256, :, None]

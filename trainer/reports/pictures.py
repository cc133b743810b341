"""Pictures of a run as parts of its report. A run may be a stranger's, and the page is sent on: no link is followed."""

import base64
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sharding.storage.records import RecordError, read_record
from trainer.runs.rundir import RunDir

MOST_GRIDS = 8
_MOST_BYTES = 2**26
_MOST_PIXELS = 2**26
"""Of a picture: 64 samples of 16 columns in the largest cells."""
_LARGEST_SIDE = 2000  # pixels, on the page
_WEBP_QUALITY = 88
MOST_EMBEDDED = 450_000
"""Bytes of a picture on the page, unless it has less room."""


class UnusablePictureError(ValueError):
    """A file is no picture that the page can show; the message names the cause."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as part of the page."""

    position: int
    """Images seen when it was drawn."""
    uri: str
    width: int
    height: int


def find_grids(run: RunDir) -> list[Path]:
    """All sample grids, in the order of training. Files of other names are none."""
    if run.samples.is_symlink() or not run.samples.is_dir():
        return []
    numbered = [path for path in run.samples.iterdir() if re.fullmatch(r"[0-9]{8,15}\.png", path.name)]
    return sorted(path for path in numbered if path == run.sample_file(int(path.stem)))


def choose_grids(run: RunDir) -> list[Path]:
    """The first, the last, and evenly spaced sample grids in between."""
    grids = find_grids(run)
    if len(grids) <= MOST_GRIDS:
        return grids
    return [grids[place * (len(grids) - 1) // (MOST_GRIDS - 1)] for place in range(MOST_GRIDS)]


def embed(path: Path, *, position: int, most: int = MOST_EMBEDDED) -> Picture:
    """Embed as WebP, a tenth of the PNG's size, so that the page stays small. Raises as `open_picture`.

    Args:
        most: bytes; a picture that has more is made smaller.
    """
    picture = open_picture(path)
    picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    return encoded(picture, position=position, most=most)


def encoded(picture: Image.Image, *, position: int, most: int = MOST_EMBEDDED) -> Picture:
    """An RGB picture as part of the page; `most` as in `embed`."""
    content = _webp(picture)
    while len(content) > most and max(picture.size) > 1:
        scale = min(0.9, (most / len(content)) ** 0.5)
        width, height = (max(1, int(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        content = _webp(picture)
    uri = "data:image/webp;base64," + base64.b64encode(content).decode()
    return Picture(position=position, uri=uri, width=picture.width, height=picture.height)


def _webp(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=_WEBP_QUALITY)
    return buffer.getvalue()


def open_picture(path: Path) -> Image.Image:
    """The picture of a PNG file, RGB.

    Raises:
        UnusablePictureError: it is a link or another special file, damaged, or too large.
    """
    content = _read(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is a lower one
            picture = Image.open(io.BytesIO(content), formats=["PNG"])
        # Not left to Pillow, whose own limit is of the whole process and may be off.
        if picture.width * picture.height > _MOST_PIXELS:
            raise UnusablePictureError(f"has {picture.width}x{picture.height} pixels, more than {_MOST_PIXELS}")
        picture.load()
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    except UnusablePictureError:
        raise
    except Exception as error:  # decoders raise almost anything on a broken file
        raise UnusablePictureError(f"is no whole PNG file ({error})") from error


def _read(path: Path) -> bytes:
    try:
        return read_record(path, most=_MOST_BYTES)
    except FileNotFoundError:
        raise UnusablePictureError("is gone") from None
    except RecordError as error:
        raise UnusablePictureError(str(error)) from error

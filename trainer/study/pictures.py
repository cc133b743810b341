"""Images as a study shows them: all alike but for what they show."""

import io
import random

from PIL import Image

from trainer.config.errors import ConfigError

_PIECES = 6
_COMPRESSION = 1
"""Of PNG: photos of 256 px in 7 ms and 71 KiB each, where 6, the usual, takes 24 ms for 64 KiB."""
_MOST_OFF = 0.02
"""By which ratios of sides may differ between images of one input: less than the rounding of small ones."""


def same_size(picture: Image.Image, *, size: int, ratio: float) -> Image.Image:
    """RGB, the longer side of `size` pixels, by one filter whatever it was before: bicubic with antialiasing.

    Args:
        ratio: width by height, which the result has exactly.
    """
    width, height = (size, round(size / ratio)) if ratio >= 1 else (round(size * ratio), size)
    rgb = picture.convert("RGB")
    return rgb if rgb.size == (width, height) else rgb.resize((max(width, 1), max(height, 1)), Image.Resampling.BICUBIC)


def require_ratio(picture: Image.Image, *, ratio: float, what: str) -> None:
    """Raise ConfigError unless a picture has a ratio of width by height, which resizing would change else."""
    width, height = picture.size
    if abs(width / height / ratio - 1) > max(_MOST_OFF, 1 / min(width, height)):
        remedy = f"has {width}x{height} pixels, and the real image of its input is {ratio:.3g} times as wide as high"
        raise ConfigError("method", what, f"{remedy}: cut them alike.")


def png_bytes(picture: Image.Image) -> bytes:
    """A file without any metadata."""
    buffer = io.BytesIO()
    clean = Image.new(picture.mode, picture.size)
    clean.paste(picture)
    clean.save(buffer, "PNG", compress_level=_COMPRESSION)
    return buffer.getvalue()


def in_pieces(picture: Image.Image, *, seed: str) -> Image.Image:
    """The same cut into squares that are exchanged and turned: nobody takes it for real."""
    chance = random.Random(seed)
    width, height = picture.size
    side = max(min(width, height) // _PIECES, 1)
    corners = [(x, y) for y in range(0, height - side + 1, side) for x in range(0, width - side + 1, side)]
    others = corners[1:] + corners[:1]
    chance.shuffle(others)
    torn = picture.copy()
    for (x, y), (left, top) in zip(corners, others, strict=True):
        piece = picture.crop((left, top, left + side, top + side))
        torn.paste(piece.rotate(90 * chance.randint(1, 3)), (x, y))
    return torn

"""Pictures side by side, under titles."""

import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from sharding.storage.files import write_atomically
from trainer.pictures.cells import GAP, HEADER, cell_size
from trainer.pictures.tensors import to_picture

_PAPER, _INK = "white", "#444444"
_LINE = 14
"""Pixels from one line of a title to the next."""


def sample_grid(columns: Mapping[str, Tensor], *, wrapped: bool = False) -> Image.Image:
    """A column of images under each title.

    Args:
        columns: title -> (N, C, H, W) in [-1, 1]; C may differ between columns, and is shown as by `to_picture`.
        wrapped: whether titles wider than a cell go on in further lines, for which there is room then.

    Returns:
        RGB. Small images are enlarged by whole factors, large ones reduced: see `trainer.pictures.cells`.
    """
    cells = {title: [cell(to_picture(image)) for image in images] for title, images in columns.items()}
    first = next(iter(cells.values()))
    width, height = first[0].size
    font = ImageFont.load_default(size=12)
    lines = {title: _wrapped(title, font, width=width) if wrapped else [title] for title in cells}
    top = HEADER + _LINE * (max(map(len, lines.values())) - 1)
    size = (len(cells) * (width + GAP) - GAP, top + len(first) * (height + GAP) - GAP)
    grid = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(grid)
    for x, (title, column) in enumerate(cells.items()):
        left = x * (width + GAP)
        for number, line in enumerate(reversed(lines[title])):
            middle = top - HEADER / 2 - number * _LINE
            draw.text((left + width / 2, middle), line, fill=_INK, font=font, anchor="mm")
        for y, each in enumerate(column):
            grid.paste(each, (left, top + y * (height + GAP)))
    return grid


def _wrapped(title: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, *, width: int) -> list[str]:
    """Lines of whole words, as few as fit the width in pixels; a longer word has one of its own."""
    lines: list[str] = []
    for word in title.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines or [""]


def cell(picture: Image.Image) -> Image.Image:
    """RGB, as large as in a grid."""
    size = cell_size(*picture.size)
    how = Image.Resampling.LANCZOS if size[0] < picture.width else Image.Resampling.NEAREST
    return picture.convert("RGB").resize(size, how)


def save_picture(path: Path, picture: Image.Image) -> None:
    """Write a PNG, whole or not at all."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_atomically(path, buffer.getvalue())

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


def sample_grid(columns: Mapping[str, Tensor]) -> Image.Image:
    """A column of images under each title.

    Args:
        columns: title -> (N, C, H, W) in [-1, 1]; C may differ between columns, and is shown as by `to_picture`.

    Returns:
        RGB. Small images are enlarged by whole factors, large ones reduced: see `trainer.pictures.cells`.
    """
    cells = {title: [cell(to_picture(image)) for image in images] for title, images in columns.items()}
    first = next(iter(cells.values()))
    width, height = first[0].size
    grid = Image.new(
        "RGB",
        (len(cells) * (width + GAP) - GAP, HEADER + len(first) * (height + GAP) - GAP),
        _PAPER,
    )
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(size=12)
    for x, (title, column) in enumerate(cells.items()):
        left = x * (width + GAP)
        draw.text((left + width / 2, HEADER / 2), title, fill=_INK, font=font, anchor="mm")
        for y, each in enumerate(column):
            grid.paste(each, (left, HEADER + y * (height + GAP)))
    return grid


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

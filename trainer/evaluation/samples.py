"""Sample grids: what the translation makes of the same few images as a run goes on."""

import io
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from sharding.format.manifest import Manifest
from sharding.reading.reader import select_shards
from sharding.storage.files import write_atomically
from trainer.data.batch import Batch
from trainer.data.randomness import seeded
from trainer.data.split import split_images
from trainer.inference.translator import Translator
from trainer.pictures.tensors import to_picture
from trainer.ranks.world import World, lone_world
from trainer.runs.config import RunConfig

_SMALLEST_CELL, _LARGEST_CELL = 128, 256  # pixels
_GAP, _HEADER = 2, 20
_LARGEST_SEARCH = 512  # images
_PAPER, _INK = "white", "#444444"


def sample_grid(columns: Mapping[str, Tensor]) -> Image.Image:
    """A column of images under each title.

    Args:
        columns: title -> (N, C, H, W) in [-1, 1]; C may differ between columns, and is shown as by `to_picture`.

    Returns:
        RGB. Small images are enlarged by whole factors, large ones reduced to 256 pixels.
    """
    cells = {title: [_cell(to_picture(image)) for image in images] for title, images in columns.items()}
    first = next(iter(cells.values()))
    width, height = first[0].size
    grid = Image.new(
        "RGB",
        (len(cells) * (width + _GAP) - _GAP, _HEADER + len(first) * (height + _GAP) - _GAP),
        _PAPER,
    )
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(size=12)
    for x, (title, column) in enumerate(cells.items()):
        left = x * (width + _GAP)
        draw.text((left + width / 2, _HEADER / 2), title, fill=_INK, font=font, anchor="mm")
        for y, cell in enumerate(column):
            grid.paste(cell, (left, _HEADER + y * (height + _GAP)))
    return grid


def _cell(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    longest = max(width, height)
    if longest > _LARGEST_CELL:
        size = (max(1, width * _LARGEST_CELL // longest), max(1, height * _LARGEST_CELL // longest))
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    factor = max(1, _SMALLEST_CELL // longest)
    return picture.convert("RGB").resize((width * factor, height * factor), Image.Resampling.NEAREST)


def save_picture(path: Path, picture: Image.Image) -> None:
    """As PNG, whole or not at all."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_atomically(path, buffer.getvalue())


def _pick(config: RunConfig, manifest: Manifest, *, split: str, world: World) -> list[Batch]:
    """Evenly spaced images of a split; only its first ones are looked at if it is large."""
    num_images = min(manifest.num_samples(split), _LARGEST_SEARCH)
    num_picks = min(config.log.num_samples, num_images)
    picks = {pick * num_images // num_picks for pick in range(num_picks)}
    images = split_images(
        config.data, manifest, split=split, world=lone_world(world.device), pairing=config.method.pairing
    )
    return [image for place, image in enumerate(islice(images, max(picks) + 1)) if place in picks]


class SamplePictures:
    """Draws the grid of the same few images each time: `log.num_samples`, evenly spaced over a split.

    Args:
        world: the main rank draws; the others' calls return at once.
        split: the validation split, for watching a run.

    Raises:
        DatasetError: there is no such split, or nothing in it.
    """

    def __init__(self, *, config: RunConfig, manifest: Manifest, world: World, split: str = "val") -> None:
        select_shards(config.data.path, manifest, split=split)
        self.world = world
        self.seed = config.train.seed
        self._samples = _pick(config, manifest, split=split, world=world) if world.is_main else []

    def draw(self, translator: Translator, path: Path) -> None:
        """Write the grid of what the method shows of the samples. Leaves torch's random numbers as they were."""
        if not self.world.is_main:
            return
        rows = []
        for sample in self._samples:
            # The same noise each time, so that what changes between two grids is the network.
            with seeded(self.seed, "samples", *sample.keys, device=self.world.device):
                rows.append(translator.columns(sample))
        save_picture(path, sample_grid({title: torch.cat([row[title] for row in rows]) for title in rows[0]}))

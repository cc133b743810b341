"""Sample grids: what the translation makes of the same few images as a run goes on."""

from itertools import islice
from pathlib import Path

import torch

from sharding.format.manifest import Manifest
from sharding.reading.reader import select_shards
from trainer.data.batch import Batch
from trainer.data.randomness import seeded
from trainer.data.split import split_images
from trainer.inference.translator import Translator
from trainer.pictures.grid import sample_grid, save_picture
from trainer.ranks.world import World, lone_world
from trainer.runs.config import RunConfig

_LARGEST_SEARCH = 512  # images


def _pick(config: RunConfig, manifest: Manifest, *, split: str, world: World) -> list[Batch]:
    """Evenly spaced images of a split; only its first ones are looked at if it is large."""
    num_images = min(manifest.num_samples(split), _LARGEST_SEARCH)
    num_picks = min(config.samples.num_rows, num_images)
    picks = {pick * num_images // num_picks for pick in range(num_picks)}
    images = split_images(
        config.data, manifest, split=split, world=lone_world(world.device), pairing=config.method.pairing
    )
    return [image for place, image in enumerate(islice(images, max(picks) + 1)) if place in picks]


class SamplePictures:
    """Draws the grid of the same few images each time: `samples.num_rows`, evenly spaced over a split.

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

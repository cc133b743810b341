"""Sample grids: what the translation makes of the same few images as a run goes on."""

from pathlib import Path

import torch

from sharding.reading.selection import select_shards
from trainer.data.batch import Batch
from trainer.data.randomness import seeded
from trainer.data.split import split_images
from trainer.data.subject import Subject
from trainer.inference.translator import Translator
from trainer.pictures.grid import sample_grid, save_picture
from trainer.ranks.world import World, lone_world

_LARGEST_SEARCH = 512  # images


def pick_samples(subject: Subject, *, num: int, split: str, world: World) -> list[Batch]:
    """Evenly spaced images of a split, each once; of its first ones if it is large."""
    num_images = min(_LARGEST_SEARCH, *(subject.num_images(split, view) for view in subject.views))
    num_picks = min(num, num_images)
    picks = [pick * num_images // num_picks for pick in range(num_picks)]
    return list(split_images(subject, split=split, world=lone_world(world.device), places=picks))


class SamplePictures:
    """Draws the grid of the same few images each time, evenly spaced over a split.

    Args:
        num: rows of the grid, as `samples.num_rows`.
        split: of the subject, e.g. the watched one.
        seed: of the run.
        world: the main rank draws; the others' calls return at once.

    Raises:
        DatasetError: there is no such split, or nothing in it.
    """

    def __init__(self, subject: Subject, *, num: int, split: str, seed: int, world: World) -> None:
        select_shards(subject.data.path, subject.manifest, split=subject.stored_split(split))
        self.world = world
        self.seed = seed
        self._samples = pick_samples(subject, num=num, split=split, world=world) if world.is_main else []

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

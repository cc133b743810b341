"""What several runs make of the same held-out images of their data set, side by side in one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from sharding.errors import DatasetError
from trainer.config.errors import ConfigError
from trainer.data.batch import Batch
from trainer.evaluation.contestants import translated
from trainer.evaluation.kept_translations import KeptTranslations
from trainer.evaluation.passes import Passes
from trainer.evaluation.samples import pick_samples
from trainer.inference.translator import chosen_checkpoint, load_translator
from trainer.inference.usage import AS_THE_METHOD
from trainer.pictures.grid import sample_grid, save_picture
from trainer.ranks.world import World, lone_world
from trainer.runs.opened import OpenRun

NUM_IMAGES = 6


def draw_same_images(runs: Mapping[str, OpenRun], *, split: str, path: Path, device: torch.device) -> dict[str, str]:
    """Write a picture: the input, a column of each run's translations as they are scored, the target if it is known.

    Images are evenly spaced over the split, and those of the first run: others that see other data are left out. What
    a checkpoint makes of them is kept in the machine's cache, as some methods search long for each.

    Args:
        runs: by their titles, of which none is `input` or `target`.

    Returns:
        Titles of runs that are left out, and why; if all are, no picture is written.
    """
    world, first = lone_world(device), next(iter(runs.values()))
    columns: dict[str, Tensor] = {}
    left_out: dict[str, str] = {}
    try:
        samples = pick_samples(first.subject, num=NUM_IMAGES, split=split, world=world)
    except (ConfigError, DatasetError) as error:
        return dict.fromkeys(runs, str(error))
    for title, opened in runs.items():
        try:
            if opened.config.data != first.config.data:
                raise ConfigError("data", str(opened.run.path), "sees other images than the first row does.")
            columns[title] = _translations(opened, samples, split=split, world=world)
        except (ConfigError, DatasetError) as error:
            left_out[title] = str(error)
    if columns:
        inputs, targets = (torch.cat([getattr(sample, side) for sample in samples]) for side in ("a", "b"))
        truth = {"target": targets} if first.subject.knows_truth else {}
        save_picture(path, sample_grid({"input": inputs, **columns, **truth}, wrapped=True))
    return left_out


def _translations(opened: OpenRun, samples: Sequence[Batch], *, split: str, world: World) -> Tensor:
    """(N, C, H, W) by the newest checkpoint."""
    folder = chosen_checkpoint(opened.run, None)
    places = tuple(int(place) for sample in samples for place in sample.index)
    passes = Passes(subject=opened.subject, seed=opened.config.train.seed, world=world, places=places)
    kept = KeptTranslations(opened, checkpoint=folder, split=split, usage=AS_THE_METHOD, passes=passes)
    translator, _ = load_translator(opened, device=world.device, checkpoint=folder, quiet=True)
    translate = kept.of(translated(translator, passes), "together")
    images = [translate(sample) for sample in samples]
    kept.write()
    return torch.cat(images)

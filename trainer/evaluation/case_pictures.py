"""Pictures of the images that a run does worst and best, by the score that says most of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from trainer.data.randomness import seeded
from trainer.data.split import split_images
from trainer.evaluation.extremes import Case, Extremes, case_picture, drawn_cases
from trainer.inference.translator import Translator
from trainer.monitoring.evaluated import Shown
from trainer.pictures.grid import cell, sample_grid, save_picture
from trainer.pictures.tensors import to_picture
from trainer.ranks.world import World, lone_world
from trainer.runs.opened import OpenRun


def draw_cases(
    opened: OpenRun,
    translator: Translator,
    *,
    split: str,
    extremes: Mapping[str, Extremes],
    beside: Path,
    world: World,
) -> tuple[dict[str, Path], tuple[Shown, ...]]:
    """Write a picture of each end: the very worst, and the very best, stand first. The main rank draws.

    Args:
        extremes: of the split, by scores.
        beside: the picture of evenly spaced images of the split.

    Returns:
        Where they lie, by end; and each image by itself.
    """
    _, cases = drawn_cases(extremes, wanted=opened.config.checkpoint.keep_best)
    if not world.is_main or not cases:
        return {}, ()
    places = sorted({case.place for of_end in cases.values() for case in of_end})
    rows = _rows(opened, translator, split=split, places=places, world=world)
    written: dict[str, Path] = {}
    shown: list[Shown] = []
    for end, of_end in cases.items():
        columns = [rows[case.place] for case in of_end]
        written[end] = case_picture(beside, end)
        save_picture(
            written[end], sample_grid({name: torch.cat([row[name] for row in columns]) for name in columns[0]})
        )
        shown += [_shown(case, end, row) for case, row in zip(of_end, columns, strict=True)]
    return written, tuple(shown)


def _shown(case: Case, end: str, row: Mapping[str, Tensor]) -> Shown:
    images = {title: cell(to_picture(image[0])) for title, image in row.items()}
    return Shown(key=case.key, end=end, value=case.value, images=images)


def _rows(
    opened: OpenRun, translator: Translator, *, split: str, places: Sequence[int], world: World
) -> dict[int, dict[str, Tensor]]:
    """What the method shows of the images at some places, with the noise that each had when it was scored."""
    rows = {}
    images = split_images(opened.subject, split=split, world=lone_world(world.device), places=places)
    for place, image in zip(places, images, strict=True):
        with seeded(opened.config.train.seed, "evaluate", *image.keys, device=world.device):
            rows[place] = translator.columns(image)
    return rows

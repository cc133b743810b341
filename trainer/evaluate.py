"""How good a run's translations are on a split, beside two baselines on the same images."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from sharding.manifest import Manifest, read_manifest
from trainer.comparison import compare
from trainer.config import RunConfig
from trainer.data.batch import Batch
from trainer.data.reader import select_shards
from trainer.metrics.base import ImageMean, Score
from trainer.metrics.psnr import psnr
from trainer.metrics.segmentation import SegmentationScores, class_colors, nearest_class, paint_classes
from trainer.metrics.ssim import ssim
from trainer.randomness import seeded
from trainer.report import write_report
from trainer.rundir import RunDir, write_atomically
from trainer.samples import SamplePictures
from trainer.split_images import split_images
from trainer.translator import Translate, load_translate
from trainer.world import World, lone_world

_TARGETS_AT_ONCE = 16

Predict = Callable[[Batch], Tensor]
"""A batch -> its view b, as somebody would guess it: (N, C, H, W) in [-1, 1]."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Guesses images, and is scored."""

    prefix: str
    predict: Predict
    scores: Sequence[Score]


@contextmanager
def _one_thread() -> Iterator[None]:
    """For many small operations on one image: on cores that others use too, torch's threads wait for each other
    in each of them (measured on two busy cores: 3 to 30 times slower with two threads than with one).
    """
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


class SplitEvaluator:
    """Scores translations of one split, any number of times: the baselines are computed once.

    Images pass one at a time, so that scores depend neither on the batch size nor on the number of ranks.

    Args:
        split: of the data set; all of it is used.
        world: every rank takes part, and gets the scores of the whole split.

    Raises:
        DatasetError: there is no such split, no `train` split for the baselines, or nothing in it.
    """

    def __init__(self, *, config: RunConfig, manifest: Manifest, split: str, world: World) -> None:
        for name in ("train", split):
            select_shards(config.data.path, manifest, split=name)
        self.config = config
        self.manifest = manifest
        self.split = split
        self.world = world
        view = manifest.views[config.data.view_b]
        self.classes = manifest.classes if view.renders_classes else []
        self._baselines: dict[str, float] | None = None

    def __call__(self, translate: Translate) -> dict[str, float]:
        """Scores by key: `eval/psnr` of the translation, `baseline/mean/psnr`, `baseline/identity/psnr`, ...

        `baseline/mean` is one constant image: the pixelwise mean of the training split's targets or, for the
        scores of classes, the class that each pixel most often has there. `baseline/identity` is the input
        itself; it has no scores where an input cannot stand for a target (3 channels for 1).

        Noise of the method follows from (train.seed, sample): the same call gives the same scores.
        """
        seed = self.config.train.seed

        def translated(batch: Batch) -> Tensor:
            with seeded(seed, "evaluate", *batch.keys, device=self.world.device):
                return translate(batch.a)

        contestants = [Contestant(prefix="eval", predict=translated, scores=self._all_scores())]
        if self._baselines is not None:
            return self._score(contestants) | self._baselines
        scores = self._score(contestants + self._make_baselines())
        self._baselines = {key: value for key, value in scores.items() if key.startswith("baseline/")}
        return scores

    def _score(self, contestants: Sequence[Contestant]) -> dict[str, float]:
        for batch in split_images(self.config.data, self.manifest, split=self.split, world=self.world):
            for contestant in contestants:
                fake_b = contestant.predict(batch)
                with _one_thread():
                    for score in contestant.scores:
                        score.update(fake_b, batch.b)
        results: dict[str, float] = {}
        for contestant in contestants:
            for score in contestant.scores:
                score.totals = self.world.sum(score.totals.to(self.world.device))
                results |= {f"{contestant.prefix}/{name}": value for name, value in score.compute().items()}
        return results

    def _pixel_scores(self) -> list[Score]:
        return [ImageMean("psnr", psnr), ImageMean("ssim", ssim)]

    def _class_scores(self) -> list[Score]:
        return [SegmentationScores(self.classes)] if self.classes else []

    def _all_scores(self) -> list[Score]:
        return [*self._pixel_scores(), *self._class_scores()]

    def _make_baselines(self) -> list[Contestant]:
        mean, majority = self._constant_images()
        baselines = [
            Contestant(prefix="baseline/mean", predict=lambda batch: mean, scores=self._pixel_scores()),
        ]
        if self.classes:
            baselines.append(
                Contestant(prefix="baseline/mean", predict=lambda batch: majority, scores=self._class_scores())
            )
        views, data = self.manifest.views, self.config.data
        channels_a, channels_b = views[data.view_a].channels, views[data.view_b].channels
        if channels_a in (1, channels_b):
            baselines.append(
                Contestant(
                    prefix="baseline/identity",
                    predict=lambda batch: batch.a.expand(-1, channels_b, -1, -1),
                    scores=self._all_scores(),
                )
            )
        return baselines

    @_one_thread()
    def _constant_images(self) -> tuple[Tensor, Tensor]:
        """Of the training split's targets, pixel by pixel: the mean, and the commonest class's colour."""
        side, device = self.config.data.crop_size, self.world.device
        channels = self.manifest.views[self.config.data.view_b].channels
        total = torch.zeros(1, channels, side, side, dtype=torch.float64, device=device)
        votes = torch.zeros(1, len(self.classes), side, side, dtype=torch.float64, device=device)
        colors = class_colors(self.classes)
        targets = split_images(
            self.config.data, self.manifest, split="train", world=self.world, batch_size=_TARGETS_AT_ONCE
        )
        for batch in targets:
            total += batch.b.sum(dim=0, dtype=torch.float64)
            if self.classes:
                chosen = F.one_hot(nearest_class(batch.b, colors), num_classes=len(self.classes))
                votes += chosen.sum(dim=0).movedim(-1, 0)
        mean = (self.world.sum(total) / self.manifest.num_samples("train")).float()
        if not self.classes:
            return mean, mean
        return mean, paint_classes(self.world.sum(votes).argmax(dim=1), colors)


def evaluate_split(
    translate: Translate, *, config: RunConfig, manifest: Manifest, split: str, world: World
) -> dict[str, float]:
    """Scores of a translation and of the baselines, once: see `SplitEvaluator`."""
    return SplitEvaluator(config=config, manifest=manifest, split=split, world=world)(translate)


def evaluate_run(
    run: RunDir,
    *,
    split: str = "test",
    device: torch.device,
    checkpoint: Path | None = None,
    console: Console,
) -> dict[str, float]:
    """Score a run's newest (or the given) checkpoint, write evaluation.json, evaluation.png and the report.

    Raises:
        ConfigError: there is no run or checkpoint, or the run's data set was replaced.
        DatasetError: the data set is damaged, or lacks the split.
    """
    config = run.config()
    run.check_dataset(config)
    manifest, world = read_manifest(config.data.path), lone_world(device)
    evaluator = SplitEvaluator(config=config, manifest=manifest, split=split, world=world)
    translate, position = load_translate(run, device=device, checkpoint=checkpoint)
    scores = evaluator(translate)
    pictures = SamplePictures(config=config, manifest=manifest, world=world, split=split)
    pictures.draw(translate, run.evaluation_picture)
    write_evaluation(run, split=split, position=position, num_images=manifest.num_samples(split), scores=scores)
    write_report(run)
    console.print(scores_table(scores, title=f"{run.path}: split {split} after {position} images"))
    return scores


def write_evaluation(run: RunDir, *, split: str, position: int, num_images: int, scores: dict[str, float]) -> None:
    """Put the scores of one split into evaluation.json; those of other splits stay."""
    entry: dict[str, Any] = {
        "position": position,
        "num_images": num_images,
        "evaluated": datetime.now(UTC).isoformat(timespec="seconds"),
        "scores": scores,
    }
    known = json.loads(run.evaluation_file.read_text()) if run.evaluation_file.is_file() else {}
    write_atomically(run.evaluation_file, json.dumps(known | {split: entry}, indent=1).encode())


def scores_table(scores: dict[str, float], *, title: str) -> Table:
    """Translation against baselines, and by how much it beats the better one."""
    table = Table(title=Text(title), title_justify="left")
    for name in ("score", "translation", "mean image", "identity", "margin"):
        table.add_column(name, justify="left" if name == "score" else "right")
    for row in compare(scores):
        wins = row.margin is not None and row.margin > 0
        table.add_row(
            Text(row.title),
            row.show(row.translation),
            row.show(row.mean),
            row.show(row.identity),
            Text(row.show(row.margin, signed=True), style="green" if wins else "red"),
        )
    return table

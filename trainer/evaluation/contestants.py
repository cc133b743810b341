"""Who is scored: what makes images, the truth they are compared with, and the metrics that do it."""

import importlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.randomness import derive_seed, seeded
from trainer.evaluation.bootstrap import Interval
from trainer.evaluation.metrics.base import HasImages, HasIntervals, Judge, Metrics, PairMetric, ScoredView, SetMetric
from trainer.evaluation.metrics.psnr import make as make_psnr
from trainer.evaluation.metrics.segmentation import Confusion, HasConfusion
from trainer.evaluation.passes import Passes, Side
from trainer.evaluation.score import Need, Score
from trainer.evaluation.scores import SCORES
from trainer.inference.translator import Translator
from trainer.methods.base import Samples, Translates, TranslatesBack
from trainer.ranks.world import World

Images = Callable[[Batch], Tensor]
"""A batch -> the images that are scored, or those that they are compared with: (N, C, H, W) in [-1, 1]."""

Keep = Callable[[Images, Side], Images]
"""Gives images of a pass that were made before, or lets them be made; see `KeptTranslations`."""


def target(batch: Batch) -> Tensor:
    """What a translation is compared with."""
    return batch.b


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread, for many small operations on one image.

    On cores that others use too, torch's threads wait for each other in each of them (measured on
    two busy cores: 3 to 30 times slower with two threads than with one).
    """
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


def make_metrics(
    view: ScoredView,
    *,
    met: Collection[Need],
    of_classes: bool | None = None,
    judges: Sequence[Judge] = (),
    drawn: bool = False,
    alone: bool = False,
) -> Metrics:
    """Those of the catalogue whose needs are met.

    Args:
        of_classes: only those that need classes, or only the others; all if not given.
        judges: whose metrics come with them.
        drawn: those of images drawn from noise, instead of those of translations.
        alone: only those that one image, always the same, can have: it is no set for an encoder.
    """
    chosen = [row for row in _rows_of(view, met) if of_classes is None or ("classes" in row.needs) == of_classes]
    chosen = [row for row in chosen if not (alone and row.encoder and "sets" in row.needs)]
    pairs: list[PairMetric] = []
    sets: list[SetMetric] = []
    for row in chosen:
        if ("drawn" in row.needs) == drawn:
            (pairs if "pairs" in row.needs else sets).append(importlib.import_module(row.metric).make(view))
    asked = [judge.make() for judge in judges]
    return Metrics(
        pairs=[*pairs, *(metric for each in asked for metric in each.pairs)],
        sets=[*sets, *(metric for each in asked for metric in each.sets)],
        batches=[metric for each in asked for metric in each.batches],
    )


def make_floors(view: ScoredView, *, met: Collection[Need]) -> Metrics:
    """Those that score real images alone, where an encoder compares sets."""
    rows = [row for row in _rows_of(view, met) if row.encoder and "pairs" not in row.needs]
    return Metrics(sets=[importlib.import_module(row.metric).make_floor(view) for row in rows])


def _rows_of(view: ScoredView, met: Collection[Need]) -> Collection[Score]:
    """One row of each metric whose needs are met."""
    rows = [row for row in SCORES.values() if row.metric and row.needs <= set(met)]
    return {row.metric: row for row in rows if row.encoder in view.encoder_names}.values()


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Guesses images, and is scored."""

    prefix: str
    predict: Images
    metrics: Metrics
    truth: Images = target
    draws: bool = False
    """Whether it draws as many images as there are targets, and needs no input."""

    def compare(self, batch: Batch) -> None:
        """Take in inputs and the truth that belongs to them."""
        images = self.predict(batch)
        with one_thread():
            for metric in self.metrics.pairs:
                metric.update(images, self.truth(batch))
            for metric in self.metrics.sets:
                metric.update_fakes(images)
                metric.update_reals(self.truth(batch))
            for metric in self.metrics.batches:
                metric.update(images, batch)

    def see_inputs(self, batch: Batch) -> None:
        """Take in inputs by themselves, for metrics that compare with no target."""
        if self.draws:
            return
        images = self.predict(batch)
        with one_thread():
            for metric in self.metrics.sets:
                metric.update_fakes(images)
            for metric in self.metrics.batches:
                metric.update(images, batch)

    def see_targets(self, batch: Batch) -> None:
        """Take in targets by themselves, likewise."""
        images = self.predict(batch) if self.draws else None
        with one_thread():
            for metric in self.metrics.sets:
                metric.update_reals(self.truth(batch))
                if images is not None:
                    metric.update_fakes(images)

    def results(self, world: World) -> dict[str, float]:
        """Scores of all ranks' images, by key; called once on every rank, at the end."""
        found: dict[str, float] = {}
        for metric in (*self.metrics.pairs, *self.metrics.sets, *self.metrics.batches):
            metric.merge(world)
            found |= {f"{self.prefix}/{name}": value for name, value in metric.compute().items()}
        return found

    def intervals(self) -> dict[str, Interval]:
        """Of those of the results that have one, by key; equal on all ranks."""
        found: dict[str, Interval] = {}
        for metric in (*self.metrics.pairs, *self.metrics.sets, *self.metrics.batches):
            if isinstance(metric, HasIntervals):
                found |= {f"{self.prefix}/{name}": ends for name, ends in metric.intervals().items()}
        return found

    def images(self) -> dict[str, list[float]]:
        """Of those of the results that each image has by itself, by key; see `HasImages`."""
        found: dict[str, list[float]] = {}
        for metric in (*self.metrics.pairs, *self.metrics.batches):
            if isinstance(metric, HasImages):
                found |= {f"{self.prefix}/{name}": values.tolist() for name, values in metric.images().items()}
        return found

    def confusions(self) -> list[Confusion]:
        """Of the metrics that count classes; those of all ranks' images once there are results."""
        metrics = (*self.metrics.pairs, *self.metrics.batches)
        return [metric.confusion for metric in metrics if isinstance(metric, HasConfusion)]


def translations(
    translator: Translator,
    passes: Passes,
    *,
    view: ScoredView,
    met: Collection[Need],
    judges: Sequence[Judge] = (),
    keep: Keep = lambda images, side: images,
) -> list[Contestant]:
    """What the method can do: its translations, its round trips, its way from b to a, its drawings.

    Noise follows from the sample. What the method itself leaves to chance is made one image at a time.
    """

    contestants = []
    metrics = make_metrics(view, met=met, judges=judges)
    if isinstance(translator.method, Translates) and metrics.any:
        side: Side = "together" if passes.subject.knows_truth or metrics.pairs else "inputs"
        predict = keep(translated(translator, passes), side)
        contestants.append(Contestant(prefix="eval", predict=predict, metrics=metrics))
    drawn = make_metrics(view, met=met, drawn=True)
    if isinstance(translator.method, Samples) and drawn.any:
        predict = _by_itself(lambda batch: translator.sample(len(batch.b), batch.label), passes)
        contestants.append(Contestant(prefix="eval", predict=predict, metrics=drawn, draws=True))
    if isinstance(translator.method, TranslatesBack):
        view_a = ScoredView(eight_bits=passes.subject.view_a.dtype == "uint8")
        for name, trip in _trips(translator, knows_truth=passes.subject.knows_truth).items():
            of_trip = Metrics(pairs=[make_psnr(view_a, name=name)])
            contestants.append(
                Contestant(
                    prefix="eval",
                    predict=_of_each_image(trip, translator, passes),
                    metrics=of_trip,
                    truth=lambda batch: batch.a,
                )
            )
    return contestants


def translated(translator: Translator, passes: Passes) -> Images:
    """Translations as they are scored."""
    return _of_each_image(lambda batch: translator.translate(batch.a), translator, passes)


def _of_each_image(predict: Images, translator: Translator, passes: Passes) -> Images:
    """What depends on nothing but each image and the noise of its sample: not on what else is in a batch."""

    def run(batch: Batch) -> Tensor:
        seeds = [derive_seed(passes.seed, "evaluate", key) for key in batch.keys]
        with translator.images_apart(seeds, device=passes.world.device):
            return predict(batch)

    return run if translator.takes_images_apart else _by_itself(predict, passes)


def _by_itself(predict: Images, passes: Passes) -> Images:
    def run(batch: Batch) -> Tensor:
        with seeded(passes.seed, "evaluate", *batch.keys, device=passes.world.device):
            return predict(batch)

    return lambda batch: torch.cat([run(batch.row(place)) for place in range(len(batch.b))])


def _trips(translator: Translator, *, knows_truth: bool) -> dict[str, Images]:
    """Ways that end at a, by the name of their score."""

    def there_and_back(batch: Batch) -> Tensor:
        return translator.translate_back(translator.translate(batch.a))

    def back(batch: Batch) -> Tensor:
        return translator.translate_back(batch.b)

    return {"round_trip_psnr": there_and_back} | ({"back_psnr": back} if knows_truth else {})

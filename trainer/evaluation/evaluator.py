"""How good what a method makes of a split is, beside two baselines on the same images."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from sharding.format.manifest import Manifest
from sharding.reading.reader import select_shards
from trainer.data.batch import Batch
from trainer.data.randomness import seeded
from trainer.data.split import split_images
from trainer.data.subject import knows_truth, trained_view
from trainer.evaluation.label_scores import LabelScores
from trainer.evaluation.metrics.base import ImageMean, Score
from trainer.evaluation.metrics.psnr import psnr
from trainer.evaluation.metrics.segmentation import SegmentationScores
from trainer.evaluation.metrics.ssim import ssim
from trainer.inference.translator import Translator
from trainer.methods.base import Translates, TranslatesBack
from trainer.pictures.classes import class_colors, nearest_class, paint_classes
from trainer.ranks.world import World
from trainer.runs.config import RunConfig

_TARGETS_AT_ONCE = 16

Images = Callable[[Batch], Tensor]
"""A batch -> the images that are scored, or those that they are compared with: (N, C, H, W) in [-1, 1]."""


def target(batch: Batch) -> Tensor:
    """What a translation is compared with."""
    return batch.b


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Guesses images, and is scored."""

    prefix: str
    predict: Images
    scores: Sequence[Score]
    truth: Images = target


@contextmanager
def one_thread() -> Iterator[None]:
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
    """Scores what a method makes of one split, any number of times: the baselines are computed once.

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
        self.is_single = config.method.pairing == "single"
        self.knows_truth = self.is_single or knows_truth(config.data, manifest)
        view = trained_view(manifest, config.data.view_b)
        self.classes = manifest.classes if view.renders_classes else []
        self.labels = LabelScores.make(config=config, manifest=manifest, split=split, world=world)
        self._baselines: dict[str, float] | None = None

    def __call__(self, translator: Translator) -> dict[str, float]:
        """Scores by key, of what the method can do; all are better the larger they are.

        `eval/psnr`, ... compare the translation with the known truth. `baseline/mean/psnr` is one constant image: the
        pixelwise mean of the training split's targets or, for the scores of classes, the class that each pixel most
        often has there. `baseline/identity/psnr` is the input itself; it has no scores where an input cannot stand for
        a target (3 channels for 1), or is the target. `eval/back_psnr` is of the translation from b to a, and
        `eval/round_trip_psnr` of the way from a to b and back, compared with a. For `eval/label_...` see `LabelScores`.

        Noise of the method follows from (train.seed, sample): the same call gives the same scores.
        """
        contestants = self._contestants(translator)
        is_first = self._baselines is None
        baselines = self._make_baselines() if is_first and contestants and self.knows_truth else []
        scores = self._score(contestants + baselines)  # in one pass over the images
        if is_first:
            self._baselines = {key: value for key, value in scores.items() if key.startswith("baseline/")}
        return (self._baselines or {}) | scores | (self.labels(translator) if self.labels else {})

    def _contestants(self, translator: Translator) -> list[Contestant]:
        method = translator.method
        contestants = []
        if isinstance(method, Translates) and self.knows_truth:
            contestants.append(self._contestant(lambda batch: translator.translate(batch.a), self._all_scores()))
        if isinstance(method, TranslatesBack):

            def there_and_back(batch: Batch) -> Tensor:
                return translator.translate_back(translator.translate(batch.a))

            def back(batch: Batch) -> Tensor:
                return translator.translate_back(batch.b)

            data = self.config.data
            view_a = data.view_b if self.is_single else data.view_a
            trips = {"round_trip_psnr": there_and_back} | ({"back_psnr": back} if self.knows_truth else {})
            for name, predict in trips.items():
                score = ImageMean(name, self._at_depth(psnr, view_a))
                contestants.append(self._contestant(predict, [score], truth=lambda batch: batch.a))
        return contestants

    def _contestant(self, predict: Images, scores: Sequence[Score], truth: Images = target) -> Contestant:
        """Noise follows from the sample."""

        def seeded_predict(batch: Batch) -> Tensor:
            with seeded(self.config.train.seed, "evaluate", *batch.keys, device=self.world.device):
                return predict(batch)

        return Contestant(prefix="eval", predict=seeded_predict, scores=scores, truth=truth)

    def _images(self, split: str, *, batch_size: int = 1) -> Iterator[Batch]:
        return split_images(
            self.config.data,
            self.manifest,
            split=split,
            world=self.world,
            batch_size=batch_size,
            pairing=self.config.method.pairing,
        )

    def _score(self, contestants: Sequence[Contestant]) -> dict[str, float]:
        for batch in self._images(self.split) if contestants else ():
            for contestant in contestants:
                images = contestant.predict(batch)
                with one_thread():
                    for score in contestant.scores:
                        score.update(images, contestant.truth(batch))
        results: dict[str, float] = {}
        for contestant in contestants:
            for score in contestant.scores:
                score.totals = self.world.sum(score.totals.to(self.world.device))
                results |= {f"{contestant.prefix}/{name}": value for name, value in score.compute().items()}
        return results

    def _pixel_scores(self) -> list[Score]:
        view_b = self.config.data.view_b
        return [ImageMean(score.__name__, self._at_depth(score, view_b)) for score in (psnr, ssim)]

    def _at_depth(self, score: Callable[..., Tensor], view: str) -> Callable[[Tensor, Tensor], Tensor]:
        """Rounded as the view's files are, if they have 8 bits."""
        return partial(score, eight_bits=trained_view(self.manifest, view).dtype == "uint8")

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
        data = self.config.data
        channels_b = trained_view(self.manifest, data.view_b).channels
        if not self.is_single and trained_view(self.manifest, data.view_a).channels in (1, channels_b):
            baselines.append(
                Contestant(
                    prefix="baseline/identity",
                    predict=lambda batch: batch.a.expand(-1, channels_b, -1, -1),
                    scores=self._all_scores(),
                )
            )
        return baselines

    @one_thread()
    def _constant_images(self) -> tuple[Tensor, Tensor]:
        """Of the training split's targets, pixel by pixel: the mean, and the commonest class's colour."""
        shape, device = self.config.data.crop_shape, self.world.device
        channels = trained_view(self.manifest, self.config.data.view_b).channels
        total = torch.zeros(1, channels, *shape, dtype=torch.float64, device=device)
        votes = torch.zeros(1, len(self.classes), *shape, dtype=torch.float64, device=device)
        colors = class_colors(self.classes)
        for batch in self._images("train", batch_size=_TARGETS_AT_ONCE):
            total += batch.b.sum(dim=0, dtype=torch.float64)
            if self.classes:
                chosen = F.one_hot(nearest_class(batch.b, colors), num_classes=len(self.classes))
                votes += chosen.sum(dim=0).movedim(-1, 0)
        mean = (self.world.sum(total) / self.manifest.num_samples("train", self.config.data.view_b)).float()
        if not self.classes:
            return mean, mean
        return mean, paint_classes(self.world.sum(votes).argmax(dim=1), colors)

"""Scores of the pixels that a mask leaves."""

from dataclasses import replace

import torch
from torch import Tensor

from trainer.config.data import DegradeConfig
from trainer.config.errors import ConfigError
from trainer.data.batch import Batch
from trainer.data.subject import Subject
from trainer.evaluation.bootstrap import Interval, mean_interval
from trainer.evaluation.judges.label_maps import Beside, class_reader
from trainer.evaluation.metrics.base import Metrics, ScoredView
from trainer.evaluation.metrics.psnr import decibels
from trainer.evaluation.metrics.segmentation import Confusion
from trainer.evaluation.metrics.ssim import ssim_map
from trainer.losses.structure import WINDOW
from trainer.pictures.classes import NO_CLASS, class_colors, exact_class, nearest_class
from trainer.pictures.tensors import to_levels
from trainer.ranks.world import World

PREFIX = "masked_"


class MaskedScores:
    """PSNR and SSIM of each image, over the pixels that count, and scores of classes; means over images.

    SSIM is the mean over the windows whose middle counts. An image of which no pixel counts is in no mean.
    """

    def __init__(self, view: ScoredView, mask: Beside) -> None:
        self.view, self.mask = view, mask
        self._values: dict[str, list[Tensor]] = {f"{PREFIX}psnr": [], f"{PREFIX}ssim": []}
        """Float64, one number for each image that counts."""
        self.confusion = Confusion([info.name for info in view.classes], prefix=PREFIX)

    def update(self, images: Tensor, batch: Batch) -> None:
        counts = self.mask.of(batch)
        levels = [to_levels(image, eight_bits=self.view.eight_bits) for image in (images, batch.b)]
        error = (levels[0] - levels[1]).square().mean(dim=1)
        errors = _masked_means(error, counts)[:, None, None, None]
        self._values[f"{PREFIX}psnr"].append(decibels(errors.sqrt()).double().cpu())
        margin = WINDOW // 2
        inner = counts[:, margin : counts.shape[1] - margin, margin : counts.shape[2] - margin]
        if inner.numel():
            similar = ssim_map(images, batch.b, eight_bits=self.view.eight_bits).mean(dim=1)
            self._values[f"{PREFIX}ssim"].append(_masked_means(similar, inner).double().cpu())
        if self.view.classes:
            colors = class_colors(self.view.classes)
            true = (exact_class if self.view.exact_colors else nearest_class)(batch.b, colors)
            self.confusion.add(nearest_class(images, colors), true.masked_fill(~counts, NO_CLASS))

    def merge(self, world: World) -> None:
        every = world.gather(self._values)
        self._values = {name: [part for found in every for part in found[name]] for name in self._values}
        self.confusion.merge(world)

    def compute(self) -> dict[str, float]:
        means = {name: values.mean().item() for name, values in self._of_images().items()}
        return means | (self.confusion.compute() if self.view.classes else {})

    def intervals(self) -> dict[str, Interval]:
        """See `HasIntervals`."""
        found = {name: mean_interval(values) for name, values in self._of_images().items()}
        of_means = {name: ends for name, ends in found.items() if ends is not None}
        return of_means | (self.confusion.intervals() if self.view.classes else {})

    def _of_images(self) -> dict[str, Tensor]:
        """(N,) by name, of scores that an image has."""
        found = {name: torch.cat(parts) for name, parts in self._values.items() if parts}
        return {name: values for name, values in found.items() if len(values)}


class MaskJudge:
    """Makes `MaskedScores`."""

    rates_real = False
    name = "mask"

    def __init__(self, view: ScoredView, mask: Beside, *, mask_view: str) -> None:
        self.view, self.mask, self.mask_view = view, mask, mask_view

    @property
    def note(self) -> str:
        """What was left out, for people."""
        return f"Scores within the mask: of the pixels that view {self.mask_view} leaves; all other scores are of all."

    def make(self) -> Metrics:
        """New scores; the mask is read once for all that are made."""
        return Metrics(batches=[MaskedScores(self.view, self.mask)])


def open_mask(subject: Subject, *, view: str, split: str, world: World) -> Beside:
    """Which pixels count, bool (N, H, W), of the images of a pass.

    Of a view that shows classes those that show one, of another those whose first channel is above the middle of its
    range.

    Raises:
        ConfigError: there is no such view, or its images are not as large as the targets.
    """
    check_mask(subject, view)
    info = subject.manifest.views[view]
    data = replace(subject.data, view_b=view, label=None, degrade=DegradeConfig())
    read = class_reader(info, subject.manifest.classes)
    shows_classes = info.content == "classes" or info.renders_classes
    return Beside(
        replace(subject, data=data),
        split=split,
        world=world,
        read=(lambda images: read(images) >= 0) if shows_classes else (lambda images: images[:, 0] > 0),
    )


def check_mask(subject: Subject, view: str) -> None:
    """Raises ConfigError unless the data set has a view whose images lie over the targets, pixel by pixel."""
    views, target = subject.manifest.views, subject.data.view_b
    if view not in views or subject.manifest.kind != "paired":
        raise ConfigError(
            "mask_view", view, f"{subject.data.path} has no such view of each sample: {', '.join(views)}."
        )
    sizes = [(each.height, each.width) for each in (views[view], views[target])]
    if sizes[0] != sizes[1]:
        raise ConfigError("mask_view", view, f"is of {sizes[0]} pixels, and {target!r} of {sizes[1]}; make them equal.")


def _masked_means(values: Tensor, counts: Tensor) -> Tensor:
    """(N, H, W) -> (M,): of each image of which a pixel counts, the mean over those."""
    numbers = counts.sum(dim=(1, 2))
    sums = (values * counts).sum(dim=(1, 2))
    return sums[numbers > 0] / numbers[numbers > 0]

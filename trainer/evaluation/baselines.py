"""What needs no training: one constant image, and the input itself."""

from collections.abc import Collection, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sharding.format.manifest import ClassInfo
from trainer.data.split import side_images
from trainer.evaluation.contestants import Contestant, Metrics, make_metrics, one_thread
from trainer.evaluation.metrics.base import ScoredView
from trainer.evaluation.passes import Passes
from trainer.evaluation.scores import Need
from trainer.pictures.classes import class_colors, nearest_class, paint_classes

_TARGETS_AT_ONCE = 16


def make_baselines(passes: Passes, *, view: ScoredView, met: Collection[Need]) -> list[Contestant]:
    """Contestants `baseline/mean` and, where an input can stand for a target, `baseline/identity`.

    Reads the training split, unless there is nothing to score.
    """

    def metrics(of_classes: bool | None = None) -> Metrics:
        return make_metrics(view, met=met, of_classes=of_classes)

    if metrics() == Metrics(pairs=[], sets=[]):
        return []
    mean, majority = _constant_images(passes, view.classes)
    baselines = [Contestant(prefix="baseline/mean", predict=lambda batch: mean, metrics=metrics(of_classes=False))]
    if view.classes:
        baselines.append(
            Contestant(prefix="baseline/mean", predict=lambda batch: majority, metrics=metrics(of_classes=True))
        )
    channels_b = passes.subject.view_b.channels
    if passes.subject.pairing != "single" and passes.subject.view_a.channels in (1, channels_b):
        baselines.append(
            Contestant(
                prefix="baseline/identity",
                predict=lambda batch: batch.a.expand(-1, channels_b, -1, -1),
                metrics=metrics(),
            )
        )
    return baselines


@one_thread()
def _constant_images(passes: Passes, classes: Sequence[ClassInfo]) -> tuple[Tensor, Tensor]:
    """The mean of the training split's targets, pixel by pixel, and the commonest class's colour."""
    subject, world = passes.subject, passes.world
    shape = subject.data.crop_shape
    total = torch.zeros(1, subject.view_b.channels, *shape, dtype=torch.float64, device=world.device)
    votes = torch.zeros(1, len(classes), *shape, dtype=torch.float64, device=world.device)
    colors = class_colors(classes)
    targets = side_images(subject, view=subject.data.view_b, split="train", world=world, batch_size=_TARGETS_AT_ONCE)
    for batch in targets:
        total += batch.b.sum(dim=0, dtype=torch.float64)
        if classes:
            chosen = F.one_hot(nearest_class(batch.b, colors), num_classes=len(classes))
            votes += chosen.sum(dim=0).movedim(-1, 0)
    mean = (world.sum(total) / subject.num_images("train", subject.data.view_b)).float()
    if not classes:
        return mean, mean
    return mean, paint_classes(world.sum(votes).argmax(dim=1), colors)

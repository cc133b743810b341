"""What needs no training: one constant image, and the input itself."""

from collections.abc import Collection, Sequence

from trainer.evaluation.constant_images import constant_images
from trainer.evaluation.contestants import Contestant, make_floors, make_metrics, target
from trainer.evaluation.metrics.base import Judge, Metrics, ScoredView
from trainer.evaluation.passes import Passes
from trainer.evaluation.score import Need


def make_baselines(
    passes: Passes, *, view: ScoredView, met: Collection[Need], judges: Sequence[Judge] = ()
) -> list[Contestant]:
    """Contestants `baseline/mean` and, where an input can stand for a target, `baseline/identity`.

    Where a judge rates real images, too, `baseline/real`: the targets themselves; where an encoder compares sets, one
    half of them and the other.

    Reads training images, unless there is nothing to score, or another run on this machine has read them already.
    """

    def metrics(of_classes: bool | None = None) -> Metrics:
        wanted = () if of_classes else judges
        return make_metrics(view, met=met, of_classes=of_classes, judges=wanted, alone=of_classes is not None)

    raters = [metric for judge in judges if judge.rates_real for metric in judge.make().batches]
    real = [Metrics(batches=raters), make_floors(view, met=met)]
    of_real = [Contestant(prefix="baseline/real", predict=target, metrics=found) for found in real if found.any]
    if not metrics().any:
        return of_real
    mean, majority = constant_images(passes.subject, classes=view.classes, world=passes.world)
    baselines = [
        Contestant(prefix="baseline/mean", predict=lambda batch: mean.expand_as(batch.b), metrics=metrics(False))
    ]
    if view.classes:
        baselines.append(
            Contestant(prefix="baseline/mean", predict=lambda batch: majority.expand_as(batch.b), metrics=metrics(True))
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
    return baselines + of_real

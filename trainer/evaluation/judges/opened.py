"""From what is asked for to judges."""

from trainer.data.subject import Subject
from trainer.evaluation.contestants import make_metrics
from trainer.evaluation.judges.asked import Asked
from trainer.evaluation.judges.fcn_judge import FcnJudge
from trainer.evaluation.judges.group_judge import GroupJudge
from trainer.evaluation.judges.mask_judge import MaskJudge, open_mask
from trainer.evaluation.judges.own_judge import OwnJudge
from trainer.evaluation.metrics.base import Judge, Metrics, ScoredView
from trainer.evaluation.scores import met_needs
from trainer.ranks.world import World


def open_judges(asked: Asked, subject: Subject, *, view: ScoredView, split: str, world: World) -> list[Judge]:
    """All that are asked for, of one split; that of groups is the last.

    Args:
        view: as the evaluator's metrics see it; groups are scored without its encoder, which needs larger sets.

    Raises:
        ConfigError: one cannot judge the run.
        DatasetError: labels of the data set are damaged.
    """
    asked.check(subject)
    judges: list[Judge] = []
    if asked.fcn is not None:
        judges.append(FcnJudge(asked.fcn, subject, split=split, world=world))
    mask = None
    if asked.mask_view is not None:
        mask = open_mask(subject, view=asked.mask_view, split=split, world=world)
        judges.append(MaskJudge(view, mask, mask_view=asked.mask_view))
    for function in asked.functions():
        judges.append(OwnJudge(function, subject.view_b, of_sets=function.field == "set_metric", mask=mask))
    if asked.by is not None:
        others = [*judges]

        def make() -> Metrics:
            found = make_metrics(view, met=met_needs(subject) - {"sets", "drawn"}, judges=others)
            return Metrics(pairs=found.pairs, batches=found.batches)

        judges.append(GroupJudge(subject, label=asked.by, split=split, make=make))
    return judges

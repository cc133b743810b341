"""From what is asked for to judges."""

from trainer.data.subject import Subject
from trainer.evaluation.judges.asked import Asked
from trainer.evaluation.judges.fcn_judge import FcnJudge
from trainer.evaluation.metrics.base import Judge
from trainer.ranks.world import World


def open_judges(asked: Asked, subject: Subject, *, split: str, world: World) -> list[Judge]:
    """All that are asked for, of one split. Raises ConfigError for what cannot judge the run."""
    asked.check(subject)
    return [] if asked.fcn is None else [FcnJudge(asked.fcn, subject, split=split, world=world)]

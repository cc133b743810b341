"""The pictures of an evaluation: which classes are taken for which, and the worst and best images."""

from collections.abc import Mapping
from pathlib import Path

from trainer.checkpoints.lineage import checkpoint_lineage
from trainer.evaluation.case_pictures import draw_cases
from trainer.evaluation.confusion_pictures import draw_confusions
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.extremes import chief
from trainer.inference.translator import Translator
from trainer.monitoring.evaluated import Evaluated
from trainer.runs.opened import OpenRun


def show_evaluation(
    opened: OpenRun,
    evaluator: SplitEvaluator,
    translator: Translator,
    scores: Mapping[str, float],
    *,
    split: str,
    position: int,
    beside: Path,
    checkpoint: Path,
) -> Evaluated:
    """Draw what an evaluation has found, beside its picture. The main rank alone.

    Args:
        split: as evaluation.json calls what was scored: with how the networks were used, if not as the method has it.
        position: images that the networks were trained on.
        checkpoint: the folder that holds them, if one does.
    """
    about, extremes = f"{split} after {position} images", evaluator.extremes
    of = {"split": evaluator.split, "beside": beside, "world": evaluator.passes.world}
    drawn, cases = draw_cases(opened, translator, extremes=extremes, **of)
    return Evaluated(
        split=split,
        position=position,
        scores=scores,
        chief=chief(extremes, wanted=opened.config.checkpoint.keep_best),
        cases=cases,
        pictures=draw_confusions(evaluator.confusions, beside=beside, about=about) | drawn,
        checkpoint=checkpoint_lineage(opened, checkpoint, scores) if checkpoint.is_dir() else None,
    )

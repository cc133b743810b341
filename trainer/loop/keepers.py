"""Who hears the scores on the way, on every rank: which checkpoint is kept as the best, and when training ends early.

Keepers are pure: what they say depends on nothing but how the score stands, which is equal on all ranks and is part of
each checkpoint. So all ranks act alike, and a resumed run as one that was never stopped.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from trainer.checkpoints.progress import Standing
from trainer.evaluation.scores import find_key
from trainer.runs.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What follows from an evaluation."""

    keep: bool = False
    """Save now, and keep this checkpoint as the best."""
    stop: str = ""
    """Why training is to end; empty if it goes on."""


class Keeper(Protocol):
    """Hears how the score of `checkpoint.keep_best` stands after each evaluation."""

    def hear(self, standing: Standing) -> Verdict:
        """Judge by this alone."""
        ...


class BestCheckpoint:
    """Keeps the checkpoint with the best score."""

    def hear(self, standing: Standing) -> Verdict:
        """Keep what is better than all before."""
        return Verdict(keep=standing.is_best)


@dataclass(frozen=True)
class EarlyStop:
    """Ends training when the score has not improved for so many images (Prechelt 1998, "Early Stopping")."""

    patience: int

    def hear(self, standing: Standing) -> Verdict:
        """Stop at the evaluation that is `patience` images or more after the best one."""
        waited = standing.images_without_gain
        if waited < self.patience:
            return Verdict()
        row = find_key(standing.score)
        return Verdict(
            stop=f"{standing.score} has not improved on {row.show(standing.value)} of {standing.since} images for "
            f"{waited / 1000:g} kimg, and train.patience_kimg is {self.patience / 1000:g}"
        )


def make_keepers(config: RunConfig) -> list[Keeper]:
    """Those that the configuration asks for."""
    keepers: list[Keeper] = []
    if config.checkpoint.keep_best is not None:
        keepers.append(BestCheckpoint())
    if config.train.patience_kimg > 0:
        keepers.append(EarlyStop(max(1, round(1000 * config.train.patience_kimg))))
    return keepers


def after_evaluation(before: Standing | None, *, score: str, value: float, position: int) -> Standing:
    """How the score stands after another evaluation. What is no number is never better.

    Args:
        before: after the one before; None at the first.
        score: its key, e.g. `eval/psnr`, which says whether more or less is better.
    """
    gain = find_key(score).gain
    best = None if before is None else before.value
    is_better = math.isfinite(value) and (best is None or gain(value) > gain(best))
    if before is None or is_better:
        return Standing(score=score, position=position, value=value if is_better else None, since=position)
    return Standing(score=score, position=position, value=best, since=before.since)

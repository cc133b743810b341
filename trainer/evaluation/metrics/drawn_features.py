"""The same scores as those of `features`, of images that a method draws from noise."""

from trainer.evaluation.metrics import features
from trainer.evaluation.metrics.base import ScoredView
from trainer.evaluation.metrics.features import FeatureSets

_BEFORE = "drawn_"


def make(view: ScoredView) -> FeatureSets:
    """Of drawn images."""
    return features.make(view, before=_BEFORE)


def make_floor(view: ScoredView) -> FeatureSets:
    """Of real images alone."""
    return features.make_floor(view, before=_BEFORE)

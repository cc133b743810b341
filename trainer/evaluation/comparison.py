"""Scores of a translation beside those of its baselines: the rows that console and report both show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from trainer.evaluation.score import Score
from trainer.evaluation.scores import find


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score. A baseline that has no such score is None."""

    name: str
    translation: float
    mean: float | None
    identity: float | None
    real: float | None = None
    """Of the real images themselves, where a score says something of those."""
    interval: tuple[float, float] | None = None
    """Lower and upper end, of the translation."""

    @property
    def score(self) -> Score:
        return find(self.name)

    @property
    def title(self) -> str:
        return self.score.heading

    @property
    def is_detail(self) -> bool:
        return self.score.is_detail

    @property
    def margin(self) -> float | None:
        """How much better than the better baseline, positive whichever way is better; negative where that one wins.

        Real images are no baseline.
        """
        baselines = [value for value in (self.mean, self.identity) if value is not None]
        return self.score.margin(self.translation, baselines) if baselines else None

    def show(self, value: float | None, *, signed: bool = False) -> str:
        """A value of this row with its unit; a dash for None."""
        return self.score.show(value, signed=signed)

    def show_interval(self) -> str:
        """Its ends, without unit; empty where there is none."""
        return "" if self.interval is None else self.score.show_ends(self.interval)


def compare(
    scores: Mapping[str, float], intervals: Mapping[str, Sequence[float]] = MappingProxyType({})
) -> list[ScoreRow]:
    """Rows of `eval/…` beside `baseline/mean/…`, `baseline/identity/…` and `baseline/real/…`, in the scores' order."""
    names = [key.removeprefix("eval/") for key in scores if key.startswith("eval/")]
    return [
        ScoreRow(
            name=name,
            translation=scores[f"eval/{name}"],
            mean=scores.get(f"baseline/mean/{name}"),
            identity=scores.get(f"baseline/identity/{name}"),
            real=scores.get(f"baseline/real/{name}"),
            interval=_two(intervals.get(f"eval/{name}")),
        )
        for name in names
    ]


def _two(ends: Sequence[float] | None) -> tuple[float, float] | None:
    return None if ends is None else (ends[0], ends[1])

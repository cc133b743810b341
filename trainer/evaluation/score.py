"""A row of the catalogue of scores: what a score is called, how it is shown, which way is better, and what it needs.

Imports no torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Need = Literal["pairs", "sets", "classes", "enlarged", "labels", "way back", "drawn", "fcn", "mask", "large", "medium"]
"""Pairs: it is known which target belongs to an input. Sets: translations and targets as two sets of images. Classes:
the target view shows them in flat colours. Enlarged: inputs are made of targets in colour by leaving pixels out.
Labels: the run uses one. Way back: the method translates from b to a too. Drawn: the method draws images b from noise,
which are compared with the targets as two sets of images. Large, medium: they have
`LEAST_OF_SCALES`, `LEAST_OF_STAGES` pixels a side or more.
Fcn, mask: a segmentation network, a view that says which pixels count; no run has them by itself.
"""

LEAST_OF_SCALES = 176
"""Pixels of a side, of which the fifth scale of MS-SSIM has the 11 of a window."""

LEAST_OF_STAGES = 32
"""Pixels of a side, which fixed networks that see images at their own size halve five times."""

PATTERN = "{name}"
"""Stands in names and titles of rows for a class or a label."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A row. A name with `{name}` stands for one score of each class or label, and so does its title."""

    name: str
    """Without `eval/` or `baseline/mean/`."""
    title: str
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""
    digits: int = 4
    """Shown after the point."""
    needs: frozenset[Need]
    metric: str = ""
    """The module that measures it, of which `make(ScoredView)` gives a `PairMetric` or, where `needs` has "sets" or
    "drawn", a `SetMetric`. Empty for what the evaluator makes of other metrics and ways: round trips, labels."""
    is_detail: bool = False
    """Of one class, or in the other convention for absent classes: shown, and not in front."""
    is_headline: bool = False
    """Shown large on the report page."""
    is_reference: bool = False
    """Says something of the data, to compare with: no method is better by it."""
    encoder: str = ""
    """The network by whose features images are compared, as in `evaluate.encoder`; empty where there is none."""
    fewest: int = 1
    """Images that both sets must have: of fewer it would be a number, and no score."""

    def __post_init__(self) -> None:
        kinds = self.needs & {"pairs", "sets", "drawn"}
        assert not self.metric or len(kinds) == 1, (
            f"{self.name}: a metric compares pairs, sets, or drawn images with a set"
        )

    @property
    def is_pattern(self) -> bool:
        return PATTERN in self.name

    @property
    def is_followed(self) -> bool:
        """Whether it has a curve while training."""
        return (bool(self.metric) or "fcn" in self.needs) and not self.is_detail

    @property
    def is_objective(self) -> bool:
        """Whether sweeps and best checkpoints can be chosen by it: one number, whatever classes a split shows."""
        return not (self.is_pattern or self.is_reference)

    @property
    def mode(self) -> Literal["max", "min"]:
        """The direction as Tune and W&B call it."""
        return "max" if self.better == "higher" else "min"

    @property
    def worst(self) -> float:
        """What a trial counts whose loss was not finite: behind whatever else there is."""
        return float("-inf") if self.better == "higher" else float("inf")

    @property
    def heading(self) -> str:
        """The title and, where less is better, that."""
        return self.title if self.better == "higher" else f"{self.title} (less is better)"

    @property
    def chart_title(self) -> str:
        """`class IoU, mean` -> `Class IoU while training, mean`."""
        head, *rest = self.heading.split(", ")
        return ", ".join([f"{head[:1].upper()}{head[1:]} while training", *rest, *filter(None, [self.unit])])

    def gain(self, value: float) -> float:
        """The larger, the better, whichever direction the score has."""
        return value if self.better == "higher" else -value

    def margin(self, value: float, baselines: Iterable[float]) -> float:
        """How much better than the best baseline; negative where a baseline wins."""
        return self.gain(value) - max(self.gain(baseline) for baseline in baselines)

    def show_ends(self, ends: Iterable[float]) -> str:
        """Those of an interval, without unit."""
        return " to ".join(f"{end:.{self.digits}f}" for end in ends)

    def show(self, value: float | None, *, signed: bool = False) -> str:
        """A value with its unit; a dash for None."""
        if value is None:
            return "\N{EN DASH}"
        number = f"{value:{'+' if signed else ''}.{self.digits}f}"
        return f"{number} {self.unit}" if self.unit else number

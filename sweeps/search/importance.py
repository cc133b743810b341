"""Which of the varied fields mattered: PED-ANOVA (Watanabe, Bansal, Hutter 2023, arXiv:2304.10255), of Optuna."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.plan import Sweep
from sweeps.rows import TrialRow

FEW = 10
"""Trials: of fewer, chance decides much."""
_FEWEST = 4
_FEWEST_GOOD, _LEAST_SHARE, _LARGEST_SHARE = 5, 0.1, 0.5
"""Optuna's advice: five or more trials among the good."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """How much each path tells good trials from all."""

    shares: Mapping[str, float]
    """By path, from 0 to 1, together 1; the largest first."""
    num_trials: int
    """On which that rests."""
    num_good: int
    """Of these: the best, whose values are compared with all trials' values."""


def find_importance(rows: Sequence[TrialRow], sweep: Sweep) -> Importance | None:
    """Compare the values that the best trials have with those of all that ended; None of fewer than four.

    Best is who comes first in `rows`, furthest and best: only so do trials compare that ended at different lengths.
    Those whose loss was not finite are the last; what failed says nothing.
    """
    ended = [row for row in rows if row.state in ("finished", "stopped early", "diverged") and row.overrides]
    ranked = sorted(ended, key=lambda row: row.state == "diverged")
    varied = [path for path in sweep.search_space.domains if len({str(row.overrides.get(path)) for row in ranked}) > 1]
    if len(ranked) < _FEWEST or not varied:
        return None
    share = min(_LARGEST_SHARE, max(_LEAST_SHARE, _FEWEST_GOOD / len(ranked)))
    found = _evaluate(ranked, sweep, varied, share=share)
    total = sum(found.values())
    shares = {path: found[path] / total if total else 0.0 for path in sorted(varied, key=lambda path: -found[path])}
    return Importance(shares=shares, num_trials=len(ranked), num_good=max(2, -int(-share * len(ranked) // 1)))


def _evaluate(ranked: Sequence[TrialRow], sweep: Sweep, paths: Sequence[str], *, share: float) -> dict[str, float]:
    import optuna  # not above: it takes a while

    from sweeps.search.tpe import Tpe

    known = Tpe(sweep.search_space, sweep.config, modes=["min"], num_trials=len(ranked), seed=sweep.seed)
    for place, row in enumerate(ranked):
        known.know({path: row.overrides[path] for path in paths if path in row.overrides}, [float(place)])
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=share)
    with warnings.catch_warnings(action="ignore"):
        found: dict[str, Any] = optuna.importance.get_param_importances(
            known.study, evaluator=evaluator, params=[*paths], normalize=False
        )
    return {path: float(found.get(path, 0.0)) for path in paths}

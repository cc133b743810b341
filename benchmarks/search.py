"""What ASHA and random search find at equal budgets, replayed from a sweep: `python -m benchmarks.search SWEEP`.

The sweep is one whose trials all ran to their end, as those of `--algorithm random` or `grid` do. Its trials come again
in many random orders, one at a time, and Tune's own ASHA is told what each had scored at each of its reports: so the
comparison rests on as many searches as one likes, and on trials that were trained once. A budget is spent in full, as
images; what a search has found is the trial that it would choose, at that trial's score at full length. Early stops pay
as far as trials stand early in the order in which they end: that is told first, as Spearman's rank correlation.
"""

import math
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tyro
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from scipy.stats import rankdata

from sharding.console import markdown_table
from sweeps.plan import Sweep, SweepDir
from sweeps.records import read_records
from sweeps.tune.asha import rungs
from trainer.monitoring.metrics_file import read_metrics

Curve = Sequence[tuple[int, float]]
"""Images seen and score, at each report."""

_TITLES = ("budget", "search", "trials begun", "score of the chosen", "spread", "finds the best")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is replayed."""

    sweep: tyro.conf.Positional[Path]
    """Folder of a sweep without early stops."""
    budgets: tuple[float, ...] = (2, 4, 8)
    """Each in lengths of a whole trial."""
    factors: tuple[int, ...] = (2, 3, 4)
    """Reduction factors of ASHA."""
    orders: int = 1000
    """Random orders of the trials."""


def curves_of(folder: SweepDir, sweep: Sweep) -> list[Curve]:
    """Of each trial that ran to its end, what it scored."""
    records = read_records(folder, sweep)
    ended = [folder.run(name) for name, record in records.items() if record.state == "finished"]
    return [
        [(line["position"], line[sweep.metric]) for line in read_metrics(run.metrics_file) if sweep.metric in line]
        for run in ended
    ]


def search(curves: Sequence[Curve], scheduler: TrialScheduler, sweep: Sweep, *, budget: float) -> tuple[int, float]:
    """Run trials in this order until `budget` images are spent.

    Returns:
        How many began, and the score at full length of the one that is chosen: the best of those that went furthest.
    """
    scheduler.set_search_properties(sweep.metric, sweep.score.mode)
    left, begun, chosen, found = budget, 0, (0, 0.0), math.nan
    for number, curve in enumerate(curves):
        if left <= 0:
            break
        begun += 1
        position, score = _last_report(curve, number, scheduler, sweep, most=left)
        left -= position
        if (reached := (position, sweep.score.gain(score))) > chosen:
            chosen, found = reached, curve[-1][1]
    return begun, found


def _last_report(
    curve: Curve, number: int, scheduler: TrialScheduler, sweep: Sweep, *, most: float
) -> tuple[int, float]:
    """Where a trial is stopped, or is when `most` images are spent."""
    trial = Trial("replayed", trial_id=str(number), stub=True)
    scheduler.on_trial_add(None, trial)  # pyright: ignore[reportArgumentType]  it does not look at the controller
    for position, score in curve:
        result = {"position": position, sweep.metric: score}
        decision = scheduler.on_trial_result(None, trial, result)  # pyright: ignore[reportArgumentType]
        if decision != TrialScheduler.CONTINUE or position >= most:
            return position, score
    return curve[-1]


def rank_correlations(curves: Sequence[Curve]) -> list[float]:
    """Of each report with the last: 1 if trials stand in the same order."""
    ranks = [rankdata([score for _, score in scores]) for scores in zip(*curves, strict=True)]
    return [float(np.corrcoef(of_report, ranks[-1])[0, 1]) for of_report in ranks]


def _shuffled(curves: Sequence[Curve], orders: int) -> Iterator[list[Curve]]:
    """The same orders at each call."""
    chance = random.Random(0)
    for _ in range(orders):
        yield chance.sample(curves, len(curves))


def main(options: Options) -> None:
    """Print a table: means over the orders, and the standard deviation of the score."""
    folder = SweepDir(options.sweep)
    sweep = folder.sweep()
    curves = curves_of(folder, sweep)
    if len(curves) < 2:
        raise SystemExit(f"{options.sweep}: {len(curves)} trials ran to their end, and a search needs 2 or more.")
    makers: dict[str, Callable[[], TrialScheduler]] = {"random": FIFOScheduler}
    for factor in options.factors:
        makers[f"asha, {factor}"] = partial(ASHAScheduler, **rungs(sweep, reduction_factor=factor))
    finals = sorted((curve[-1][1] for curve in curves), key=sweep.score.gain)
    print(f"{len(curves)} trials; {sweep.metric} from {finals[0]:.4g} to {finals[-1]:.4g}, in the middle", end=" ")
    print(f"{statistics.median(finals):.4g}; {options.orders} orders")
    for (position, _), correlation in zip(curves[0], rank_correlations(curves), strict=True):
        print(f"  order after {position / 1000:g} kimg and at the end: {correlation:.2f}")
    rows: list[Sequence[str]] = []
    for lengths in options.budgets:
        for name, make in makers.items():
            orders = _shuffled(curves, options.orders)
            found = [search(order, make(), sweep, budget=lengths * sweep.total) for order in orders]
            rows.append([f"{lengths:g}", name, *_summary(found, best=finals[-1])])
    print("\n".join(markdown_table(_TITLES, rows)))


def _summary(found: Sequence[tuple[int, float]], *, best: float) -> list[str]:
    begun, scores = zip(*found, strict=True)
    share = sum(score == best for score in scores) / len(scores)
    mean, spread = statistics.mean(scores), statistics.pstdev(scores)
    return [f"{statistics.mean(begun):.1f}", f"{mean:.3f}", f"{spread:.3f}", f"{share:.0%}"]


if __name__ == "__main__":
    main(tyro.cli(Options))

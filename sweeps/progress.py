"""How far a sweep is: how its trials stand, the best so far, about how long the rest takes."""

from collections import Counter
from collections.abc import Sequence
from math import ceil
from statistics import mean

from sweeps.plan import Sweep
from sweeps.rows import TrialRow, best_of
from sweeps.table import show_scores

_ORDER = ("finished", "stopped early", "diverged", "failed", "training", "waiting")


def describe_progress(rows: Sequence[TrialRow], sweep: Sweep, *, before: int, elapsed_s: float) -> str:
    """E.g. `3 finished, 4 stopped early, 1 training, 8 waiting; best 16.38 dB (006); about 12 min left`.

    Args:
        rows: of all trials, as `make_rows` gives them.
        before: images of all trials when this command began.
        elapsed_s: since then.
    """
    states = Counter(row.state for row in rows)
    parts = [", ".join(f"{states[state]} {state}" for state in _ORDER if states[state])]
    best = best_of(list(rows))
    if best is not None and sweep.second_metric is None:
        parts.append(f"best {show_scores(best, sweep)[0]} ({best.trial})")
    left_s = seconds_left(rows, sweep, before=before, elapsed_s=elapsed_s)
    if left_s is not None:
        parts.append(f"about {ceil(left_s / 60)} min left")
    return "; ".join(parts)


def seconds_left(rows: Sequence[TrialRow], sweep: Sweep, *, before: int, elapsed_s: float) -> float | None:
    """By the images a second so far, of all trials together, with all that starting and scoring take.

    A trial is taken to come as far as those that have ended did on average; one that is further already, to the end.
    None before the first report, and when all have ended.
    """
    done = sum(row.position for row in rows) - before
    going_on = [row.position for row in rows if row.is_open]
    if done <= 0 or not going_on:
        return None
    usual = mean([row.position for row in rows if not row.is_open] or [sweep.total])
    left = sum((usual if position < usual else sweep.total) - position for position in going_on)
    return left * elapsed_s / done

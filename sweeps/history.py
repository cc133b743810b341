"""What became of each trial on its way: its scores over images, and what it took. Read from the runs' own files.

Imports neither ray nor torch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sweeps.plan import Sweep, SweepDir
from sweeps.rows import TrialRow
from trainer.config.errors import ConfigError
from trainer.monitoring.metrics_file import read_metrics


@dataclass(frozen=True, kw_only=True)
class Report:
    """A trial's scores on its way."""

    position: int
    """Images it had seen."""
    when: float | None
    """Seconds since 1970; None where the run does not say when it began. Pauses between its parts are not counted."""
    scores: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class History:
    """A trial and all it reported."""

    row: TrialRow
    reports: Sequence[Report]
    seconds: float | None
    """It trained and was scored for, as of its newest line; None before the first."""

    def curve(self, key: str) -> list[tuple[int, float]]:
        """Images seen and score, in the order of training."""
        return [(report.position, report.scores[key]) for report in self.reports if key in report.scores]


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best score of all trials, from a certain amount of training on."""

    spent: int
    """Images that all trials had seen together."""
    score: float
    trial: str


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What is kept of a run's metrics."""

    reports: Sequence[Report] = ()
    seconds: float | None = None


class Histories:
    """Reads the histories of a sweep's trials; a run whose metrics have not changed since is not read again."""

    def __init__(self, folder: SweepDir) -> None:
        self._folder = folder
        self._known: dict[str, tuple[tuple[int, int], _Read]] = {}

    def of(self, rows: Iterable[TrialRow]) -> list[History]:
        """The trials' histories, in the order of the rows. A run whose files are damaged has none."""
        return [self._history(row) for row in rows]

    def _history(self, row: TrialRow) -> History:
        path = self._folder.run(row.trial).metrics_file
        try:
            status = path.stat()
            as_of = (status.st_mtime_ns, status.st_size)
            if self._known.get(row.trial, (None,))[0] != as_of:
                self._known[row.trial] = (as_of, self._read(row.trial, read_metrics(path)))
        except (OSError, ConfigError):  # it has not begun; whatever is wrong with it is told where the trial goes on
            return History(row=row, reports=[], seconds=None)
        read = self._known[row.trial][1]
        return History(row=row, reports=read.reports, seconds=read.seconds)

    def _read(self, trial: str, lines: Sequence[Mapping[str, Any]]) -> _Read:
        began = self._began(trial) if lines else None
        reports = [
            Report(
                position=line["position"],
                when=None if began is None else began + line.get("time_s", 0.0),
                scores={key: value for key, value in line.items() if key.startswith("eval/")},
            )
            for line in lines
            if any(key.startswith("eval/") for key in line)
        ]
        return _Read(reports=reports, seconds=max((line["time_s"] for line in lines if "time_s" in line), default=None))

    def _began(self, trial: str) -> float | None:
        try:
            return datetime.fromisoformat(self._folder.run(trial).record()["started"]).timestamp()
        except ConfigError:
            return None


def best_by_budget(histories: Iterable[History], sweep: Sweep) -> list[Best]:
    """How the best score grew with what all trials cost together: one entry for each improvement.

    Scores count whatever length they were reached at, in the order in which they came about.
    """
    reports = [
        (report.when, history.row.trial, report.position, report.scores.get(sweep.metric))
        for history in histories
        for report in history.reports
        if report.when is not None
    ]
    spent: dict[str, int] = {}
    found: list[Best] = []
    for _, trial, position, score in sorted(reports, key=lambda report: (report[0], *report[1:3])):
        spent[trial] = max(position, spent.get(trial, 0))
        if score is not None and (not found or sweep.score.gain(score) > sweep.score.gain(found[-1].score)):
            found.append(Best(spent=sum(spent.values()), score=score, trial=trial))
    return found

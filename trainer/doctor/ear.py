"""The ear of the doctor: hears a run's metrics, and tells the other loggers of what is wrong, once."""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.doctor.alarms import findings
from trainer.doctor.signs import MANY
from trainer.monitoring import Logger, Metrics
from trainer.monitoring.evaluated import Evaluated

_SILENCE = 20
"""Lines without it, after which the same finding is told again."""


class Doctor:
    """A logger that makes findings of what it hears.

    Args:
        others: are told.
    """

    def __init__(self, others: Sequence[Logger]) -> None:
        self._others = list(others)
        self._lines: deque[Metrics] = deque(maxlen=MANY)
        self._told: dict[str, int] = {}

    def log(self, metrics: Metrics) -> None:
        if "throughput/images_per_s" not in metrics:  # scores and times of saves have lines of their own
            return
        self._lines.append(metrics)
        found = {finding.name: finding for finding in reversed(findings(list(self._lines)))}
        self._told = {name: lines + 1 for name, lines in self._told.items() if lines < _SILENCE}
        for name, finding in found.items():
            is_new = name not in self._told
            self._told[name] = 0
            if is_new:
                for logger in self._others:
                    logger.alarm(finding.key, str(finding), metrics["position"])

    def picture(self, path: Path, position: int) -> None:
        """It has no eyes."""

    def histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None:
        """Their means are among the metrics."""

    def evaluated(self, found: Evaluated) -> None:
        """It hears lines of training alone."""

    def note(self, text: str, position: int) -> None:
        """It is of what metrics say, too."""

    def alarm(self, key: str, text: str, position: int) -> None:
        """Its own."""

    def close(self) -> None:
        """Nothing is open."""

"""Where a run writes what happens: console, metrics.jsonl, W&B, TensorBoard, Prometheus. The main rank only."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from trainer.monitoring.evaluated import Evaluated

Metrics = dict[str, Any]


class Logger(Protocol):
    """A sink for metrics and pictures."""

    def log(self, metrics: Metrics) -> None:
        """`metrics["position"]` is in images; other keys are like `loss/generator/l1`."""
        ...

    def picture(self, path: Path, position: int) -> None:
        """A sample grid was written to `path`."""
        ...

    def histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None:
        """Single numbers of which the metrics have means: `game/discriminators/verdicts_real`."""
        ...

    def evaluated(self, found: Evaluated) -> None:
        """A split was scored, for good: its scores are in evaluation.json."""
        ...

    def note(self, text: str, position: int) -> None:
        """A line for people, of what the metrics hold too."""
        ...

    def alarm(self, key: str, text: str, position: int) -> None:
        """Something is wrong, called `key` among the metrics."""
        ...

    def close(self) -> None:
        """Flush; nothing is logged afterwards."""
        ...

"""How long a run has taken, and how fast it trains."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from trainer.monitoring import Metrics


class Clock:
    """Seconds of a run over all its parts, and the speed of training alone between two laps.

    Args:
        position: images seen so far.
        elapsed_s: what the run's earlier parts have taken.
    """

    def __init__(self, *, position: int = 0, elapsed_s: float = 0.0) -> None:
        self._started = time.monotonic() - elapsed_s
        self._lap_position = position
        self._lap_started = time.monotonic()
        self._data_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds of this run, over all its parts."""
        return time.monotonic() - self._started

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Time inside counts for the run and not for its speed: it goes to scores, pictures, checkpoints."""
        began = time.monotonic()
        yield
        self._lap_started += time.monotonic() - began

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time inside is spent waiting for data."""
        began = time.monotonic()
        yield
        self._data_s += time.monotonic() - began

    def lap(self, position: int) -> Metrics:
        """Images a second, and seconds of waiting for each, since the last call; then starts anew."""
        now, num_images = time.monotonic(), position - self._lap_position
        speed = {
            "throughput/images_per_s": num_images / (now - self._lap_started),
            "time/data_s": self._data_s / max(1, num_images),
        }
        self._lap_position, self._lap_started, self._data_s = position, now, 0.0
        return speed

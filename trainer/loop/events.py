"""What is due on the way: an open list."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something to do each time another `period` images have been seen; 0 is never."""

    period: int
    action: Callable[[], None]

    def is_due(self, before: int, after: int) -> bool:
        """Whether a step from `before` to `after` images passes a multiple of the period."""
        return self.period > 0 and after // self.period > before // self.period


def every(kimg: float, action: Callable[[], None]) -> Event:
    """An event of each so many thousands of images."""
    return Event(period=round(1000 * kimg), action=action)

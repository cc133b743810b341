"""How far a work is: told by who does it, heard by who waits for it."""

from collections.abc import Callable

Tick = Callable[[int], None]
"""Hears how much more of the work is done."""

Callback = Callable[[int, int], None]
"""Hears how much is done, and of how much."""


def adding(progress: Callback, *, total: int) -> Tick:
    """Turns how much more is done into how much is done in all."""
    done = 0

    def tick(number: int) -> None:
        nonlocal done
        done += number
        progress(done, total)

    return tick


def unheard(done: int, total: int) -> None:
    """Nobody is to hear of it."""

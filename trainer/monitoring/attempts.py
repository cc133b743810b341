"""A sink that a run can do without: what it fails at is told once, and it is left alone from then on."""

from collections.abc import Callable

from sharding.console import make_console, one_line


class Attempts:
    """Calls what writes to a sink, until that fails.

    Args:
        sink: its name, for people.
    """

    def __init__(self, sink: str) -> None:
        self.sink = sink
        self.works = True

    def __call__(self, write: Callable[[], object]) -> None:
        if not self.works:
            return
        try:
            write()
        except Exception as error:  # whatever it is: training is worth more
            self.works = False
            make_console(stderr=True).print(one_line(off(self.sink, error)))


def off(sink: str, error: Exception) -> str:
    """What people are told."""
    return f"{sink} is off, and training goes on without: {type(error).__name__}: {error}"

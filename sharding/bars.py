"""Progress bars with speed and time left on a terminal, and a line now and then where there is none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from sharding.console import PlainConsole
from sharding.work.progress import Callback

LINE_EVERY_S = 30.0


@contextmanager
def progress_bars(console: PlainConsole) -> Iterator[Callable[[str], Callback]]:
    """Bars with speed and time left; yields what makes, for a unit, the function that takes (done, total).

    Where there is no terminal, e.g. in the log of a cluster's job, a line comes every 30 seconds instead.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_live) as bars:

        def new_bar(unit: str) -> Callback:
            task: TaskID | None = None
            start = told = time.monotonic()
            first = 0

            def show(done: int, total: int) -> None:
                nonlocal task, start, first, told
                if task is None:
                    start, first = time.monotonic(), done  # what an earlier run had done is not this one's speed
                    task = bars.add_task(unit, total=total, speed="")
                now = time.monotonic()
                speed = f"{(done - first) / max(now - start, 1e-3):.0f} {unit}/s"
                bars.update(task, completed=done, speed=speed)
                if not console.is_live and now - told > LINE_EVERY_S:
                    told = now
                    console.print(f"{done}/{total} {unit}, {speed}")

            return show

        yield new_bar

"""The table that shows a sweep while it runs: redrawn on a terminal, one line for each piece of news elsewhere."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune import Callback
from rich.live import Live

from sharding.console import PlainConsole, counted, make_console
from sweeps.plan import Sweep
from sweeps.progress import describe_progress
from sweeps.records import Record
from sweeps.rows import TrialRow, TuneTrial, make_rows
from sweeps.table import describe_state, make_table, score_names, show_overrides, show_scores

_PERIOD_S = 0.5
_SHARE = 0.1
"""Of the time, at most, goes into drawing: a row takes a millisecond or two, and reports wait meanwhile."""
_FRAME_LINES = 9
"""Of the terminal's height: what the table has besides rows, and the line of the prompt."""


class LiveTable(Callback):
    """Follows Tune's trials.

    Tune pickles its callbacks before the sweep starts: until `setup` is called there is nothing here but settings. It
    writes to the process's first standard output, because the present one receives Ray's messages and is led into a
    file.

    Args:
        before: how the trials stood when Tune began.
    """

    def __init__(self, sweep: Sweep, *, name: str, before: Mapping[str, Record]) -> None:
        self.sweep = sweep
        self.name = name
        self._before = before
        self._console: PlainConsole | None = None
        self._live: Live | None = None
        self._next_s = 0.0
        self._told: dict[str, tuple[str, int]] = {}
        self._position_before = sum(record.position for record in before.values())

    def setup(self, *args: Any, **info: Any) -> None:
        self._console = make_console(file=sys.__stdout__)
        self._began_s = time.monotonic()
        if self._console.is_live:
            self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
            self._live.start()

    def on_step_end(self, iteration: int, trials: Sequence[TuneTrial], **info: Any) -> None:
        begun_s = time.monotonic()
        if begun_s >= self._next_s:
            self._draw(make_rows(trials, self.sweep, before=self._before))
            taken_s = time.monotonic() - begun_s
            self._next_s = begun_s + max(_PERIOD_S, taken_s / _SHARE)

    def on_experiment_end(self, trials: Sequence[TuneTrial], **info: Any) -> None:
        if self._live is not None:
            self._live.stop()

    def _draw(self, rows: list[TrialRow]) -> None:
        if self._live is not None and self._console is not None:
            room = max(1, self._console.height - _FRAME_LINES)
            table = make_table(rows[:room], self.sweep, title=f"{self._title()}\n{self._progress(rows)}")
            if len(rows) > room:
                table.caption = f"and {len(rows) - room} more"
            self._live.update(table, refresh=True)
            return
        for row in rows:
            news = (describe_state(row), row.position)
            if self._console is not None and self._told.get(row.trial) != news:
                self._told[row.trial] = news
                self._console.print(self._line(row) + f"  [{self._progress(rows)}]" * (not row.is_open))

    def _title(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began_s), 60)
        kimg = f"{self.sweep.total / 1000:.4g}"
        return f"{self.name}: {counted(self.sweep.num_trials, 'trial')} of {kimg} kimg, {minutes}:{seconds:02d}"

    def _progress(self, rows: list[TrialRow]) -> str:
        elapsed_s = time.monotonic() - self._began_s
        return describe_progress(rows, self.sweep, before=self._position_before, elapsed_s=elapsed_s)

    def _line(self, row: TrialRow) -> str:
        values = show_overrides(row.overrides, self.sweep)
        progress = f"{row.position / 1000:.2f}/{self.sweep.total / 1000:.2f} kimg"
        named = zip(score_names(self.sweep), show_scores(row, self.sweep), strict=True)
        score = "".join(f"  {name} {value}" for name, value in named)
        return f"trial {row.trial}  {values}  {progress}{score if row.position else ''}  {describe_state(row)}"

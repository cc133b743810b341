"""Keeps sweep.html up to date while Tune runs the trials."""

import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune import Callback

from sharding.storage.files import open_to_append
from sweeps.page.page import SweepPage
from sweeps.plan import Sweep, SweepDir
from sweeps.records import Record
from sweeps.rows import TuneTrial, make_rows

_PERIOD_S = 30.0
_LARGEST_SHARE = 0.05
"""Of the time: large sweeps are drawn more rarely."""


class RenewedPage(Callback):
    """Writes the page after reports, but not often.

    A page that cannot be drawn does not end a sweep: why stands in ray.log, and is told at the end, when it is drawn
    once more.

    Args:
        before: how the trials stood when Tune began.
    """

    def __init__(self, folder: SweepDir, sweep: Sweep, *, before: Mapping[str, Record]) -> None:
        self._folder = folder
        self._sweep = sweep
        self._before = before
        self._page = SweepPage(folder, sweep)
        self._is_old = True
        self._next_s = 0.0

    def on_trial_result(self, *args: Any, **info: Any) -> None:
        self._is_old = True

    def on_step_end(self, iteration: int, trials: Sequence[TuneTrial], **info: Any) -> None:
        if not self._is_old or time.monotonic() < self._next_s:
            return
        began = time.monotonic()
        self._is_old = False
        try:
            self._page.write(make_rows(trials, self._sweep, before=self._before))
        except Exception:
            with open_to_append(self._folder.ray_log) as log:
                traceback.print_exc(file=log)
        took = time.monotonic() - began
        self._next_s = time.monotonic() + max(_PERIOD_S, took / _LARGEST_SHARE)

"""Writes down how trials stand while Tune runs them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ray.tune import Callback
from rich.text import Text

from sharding.console import printable
from sharding.storage.files import open_to_append
from sweeps.plan import Sweep, SweepDir
from sweeps.records import Record, write_record
from sweeps.rows import TuneTrial, record_of, trial_name

_OVER = ("TERMINATED", "ERROR")


class Recorder(Callback):
    """Keeps the record of each trial and what its failures had to say.

    Args:
        before: how the trials stood when Tune began.
    """

    def __init__(self, folder: SweepDir, sweep: Sweep, *, before: Mapping[str, Record]) -> None:
        self._folder = folder
        self._sweep = sweep
        self._before = before
        self._written = dict(before)
        self._num_told: dict[str, int] = {}
        """By the file of Tune's."""
        self._settled = dict(before)
        """By those of Tune's trials that have ended."""
        self._ended: set[str] = set()

    def on_step_end(self, iteration: int, trials: Sequence[TuneTrial], **info: Any) -> None:
        """Look at the trials that may have news: not at all of hundreds for each report of one."""
        for trial in trials:
            if trial.trial_id in self._ended:
                continue
            name = trial_name(trial)
            self._keep_errors(trial, name)
            record = record_of(trial, self._sweep, before=self._settled[name])
            if trial.status in _OVER:
                self._ended.add(trial.trial_id)
                self._settled[name] = record
            if record != self._written[name]:
                write_record(self._folder, name, record)
                self._written[name] = record

    def _keep_errors(self, trial: TuneTrial, name: str) -> None:
        """What Tune has added to its own file, which ends with the sweep."""
        if trial.error_file is None or not Path(trial.error_file).is_file():
            return
        text = Path(trial.error_file).read_text(errors="replace")
        new = text[self._num_told.get(trial.error_file, 0) :]
        if new:
            self._num_told[trial.error_file] = len(text)
            with open_to_append(self._folder.errors(name)) as file:
                file.write(printable(Text.from_ansi(new).plain) + "\n")

"""Tune's view of population-based training: a trial of Tune is one of ours for the length of a report.

Tune's own scheduler perturbs out of the range, and is rebuilt from pickles; here nothing is paused, and all that
decides is on record.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from sweeps.plan import Sweep, SweepDir
from sweeps.records import Record
from sweeps.search.rounds import Rounds


class PopulationSearcher(Searcher):
    """Gives the trials that are to train up to their next report, and has them compared when all have come to it."""

    def __init__(self, folder: SweepDir, sweep: Sweep, records: Mapping[str, Record]) -> None:
        super().__init__()
        self._rounds = Rounds(folder, sweep, records)
        self._names: dict[str, str] = {}

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict, **spec: Any) -> bool:
        """Take none: metric and direction are the sweep's, the space is its own."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        trial = self._rounds.next()
        if trial is None:
            return Searcher.FINISHED if self._rounds.is_over else None
        self._names[trial_id] = trial["name"]
        return {"trial": trial}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self._rounds.ended(self._names.pop(trial_id), None if error else result)

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: records say all, and files of Tune are never read back."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a sweep goes on from its records")

"""Tune's view of a search in which earlier trials decide: names, proposals, and what they are told."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from sweeps.plan import Sweep, SweepDir
from sweeps.records import Record, overrides_of, write_record
from sweeps.search.tpe import Tpe, scores_of


class TpeSearcher(Searcher):
    """Gives the trials that are left one after the other; what a new one changes goes on record before it begins.

    Args:
        records: how each trial stands, by its name. Those that have ended are known from the start.
    """

    def __init__(self, folder: SweepDir, sweep: Sweep, records: Mapping[str, Record]) -> None:
        super().__init__()
        self._folder = folder
        self._objectives = sweep.objectives
        self._tpe = Tpe(
            sweep.search_space,
            sweep.config,
            modes=[score.mode for score in sweep.objectives.values()],
            num_trials=sweep.num_trials,
            # Else a search that goes on would draw once more what it began with.
            seed=sweep.seed + sum(record.overrides is not None for record in records.values()),
        )
        self._left = {name: record for name, record in records.items() if not record.is_ended}
        self._decided = overrides_of(records, sweep)
        self._names: dict[str, str] = {}
        self._given: dict[str, Mapping[str, Any]] = {}
        """Overrides that were not proposed now: the preset's own, and those of trials that go on."""
        for record in records.values():
            if record.is_ended and record.overrides is not None:
                bad = record.state == "diverged"
                self._tpe.know(
                    record.overrides, None if bad else scores_of(record.scores, sweep.objectives), is_bad=bad
                )

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict, **spec: Any) -> bool:
        """Take none: metric and direction are the sweep's, the space is its own."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not self._left:
            return Searcher.FINISHED
        name = next(iter(self._left))
        record = self._left.pop(name)
        self._names[trial_id] = name
        overrides = self._decided[name]
        if overrides is None:
            overrides = self._tpe.ask(name)
        else:
            self._given[name] = overrides
        write_record(self._folder, name, replace(record, overrides=dict(overrides)))
        return {"trial": {"name": name, "overrides": overrides, "position": record.position}}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        name = self._names.pop(trial_id)
        scores = None if error else scores_of(result or {}, self._objectives)
        is_bad = bool((result or {}).get("diverged"))
        if name in self._given:
            self._tpe.know(self._given.pop(name), scores, is_bad=is_bad)
        else:
            self._tpe.tell(name, scores, is_bad=is_bad)

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: records say all, and files of Tune are never read back."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a sweep goes on from its records")

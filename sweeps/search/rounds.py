"""Population-based training in rounds: each trial trains up to its next report, then all are compared.

A round that was cut short goes on where it was: what each trial reached is on record, what was decided in
population.json.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sweeps.plan import Sweep, SweepDir
from sweeps.population import Population, planned_values, read_population, write_population
from sweeps.records import Record, write_record
from sweeps.rows import reported_scores
from sweeps.search.pbt import decide
from sweeps.takeover import take_over


class Rounds:
    """Says which trial trains next, and is told how that went.

    Trials that diverged wait for the end of the round, and take over from one of the best; so do those that failed in
    an earlier round and have another try. Those that fail now are out.

    Args:
        records: how each trial stands.
    """

    def __init__(self, folder: SweepDir, sweep: Sweep, records: Mapping[str, Record]) -> None:
        self._folder = folder
        self._sweep = sweep
        self._population = read_population(folder, sweep)
        self._records = dict(records)
        self._out: set[str] = set()
        self._running: set[str] = set()
        self._carry_out()
        self._begin()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to train."""
        return not (self._ready or self._running)

    def next(self) -> dict[str, Any] | None:
        """A trial that is to train up to its next report: `name`, `overrides`, and the `position` that it goes on
        from. None while others must come to the end of the round first."""
        if not self._ready:
            return None
        name = self._ready.pop(0)
        self._running.add(name)
        overrides = dict(self._records[name].overrides or {})
        return {"name": name, "overrides": overrides, "position": self._population.decided}

    def ended(self, name: str, metrics: Mapping[str, Any] | None) -> None:
        """What a trial reported; None if it failed for good, and nothing if the sweep was told to stop meanwhile."""
        self._running.remove(name)
        if metrics is not None and "position" not in metrics:
            return
        record = self._records[name]
        if metrics is None:
            self._out.add(name)
        elif metrics.get("diverged"):
            self._records[name] = replace(record, state="diverged")
        else:
            scores = reported_scores(metrics)
            self._records[name] = replace(record, state="waiting", position=metrics["position"], scores=scores)
        if self.is_over:
            self._compare()

    def _begin(self) -> None:
        """A new round, or what is left of one."""
        now = self._population.decided
        values = self._population.values(planned_values(self._sweep))
        for name, record in self._records.items():
            self._records[name] = replace(record, overrides=dict(values[name]))
        self._ready = [
            name
            for name, record in self._records.items()
            if record.position == now and not record.is_ended and name not in self._out
        ]
        if self.is_over:
            self._compare()

    def _compare(self) -> None:
        """The end of a round: decide, put that on record, carry it out."""
        gains = self._gains()
        position = max((self._records[name].position for name, gain in gains.items() if gain is not None), default=0)
        if not self._population.decided < position < self._sweep.total:
            return
        exploits = decide(
            gains,
            self._population.values(planned_values(self._sweep)),
            self._sweep.search_space,
            self._sweep.config,
            position=position,
            quantile=self._sweep.quantile,
            resample=self._sweep.resample,
            seed=self._sweep.seed,
        )
        for name in gains:  # first: else a trial whose record is older would pass for one that was left behind
            write_record(self._folder, name, self._records[name])
        self._population = Population(decided=position, exploits=[*self._population.exploits, *exploits])
        write_population(self._folder, self._population)
        self._carry_out()
        self._begin()

    def _gains(self) -> dict[str, float | None]:
        """Of all that can go on."""
        gains: dict[str, float | None] = {}
        for name, record in self._records.items():
            if name in self._out or not self._folder.run(name).run_file.exists():
                continue
            has_come = record.position > self._population.decided and record.state != "diverged"
            score = record.scores.get(self._sweep.metric) if has_come else None
            gains[name] = None if score is None else self._sweep.score.gain(score)
        return gains

    def _carry_out(self) -> None:
        for exploit in self._population.newest:
            take_over(self._folder, exploit)
            record = self._records[exploit.trial]
            if record.position <= exploit.position:
                own = {} if record.position < exploit.position else record.scores
                record = replace(
                    record, state="waiting", position=exploit.position, scores=own, overrides=exploit.values
                )
                self._records[exploit.trial] = record
                write_record(self._folder, exploit.trial, record)

"""Carries out what population-based training has decided: a trial's run goes on with another's weights, and says so."""

import json
from typing import Any

from sharding.storage.files import write_atomically
from sweeps.plan import SweepDir
from sweeps.population import Exploit
from sweeps.spaces.overrides import apply
from sweeps.trials import named
from trainer.checkpoints.adopt import adopt
from trainer.checkpoints.layout import folder_of
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.changes import TAKEN_FROM_KEY, write_changes
from trainer.runs.rundir import RunDir

MARK = "population/from"
"""In metrics.jsonl: the number of the trial whose weights the run goes on with from this position."""


def take_over(folder: SweepDir, exploit: Exploit) -> None:
    """Give a trial's run the donor's checkpoint and the values decided; nothing if that has been done.

    run.json comes last, so that what a kill cuts short is done again. Neither run may be in training.

    Raises: as `trainer.checkpoints.adopt.adopt`.
    """
    run, donor = folder.run(exploit.trial), folder.run(exploit.donor)
    if is_done(run, exploit):
        return
    adopt(folder_of(donor.checkpoints, exploit.position), run.checkpoints)
    _mark(run, exploit)
    config = named(apply(run.config(), exploit.values), exploit.trial, exploit.values)
    write_changes(run, config, exploit.values, position=exploit.position, taken_from=exploit.donor)


def is_done(run: RunDir, exploit: Exploit) -> bool:
    """Whether a run says that it has taken over."""
    return any(
        (change.get("position"), change.get(TAKEN_FROM_KEY)) == (exploit.position, exploit.donor)
        for change in run.record().get("changes", [])
    )


def _mark(run: RunDir, exploit: Exploit) -> None:
    """Add a line to metrics.jsonl, behind what the run had seen of its former weights."""
    before = [metrics for metrics in read_metrics(run.metrics_file) if not _is_mark_of(metrics, exploit)]
    numbers = {
        f"population/{path}": value
        for path, value in exploit.values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    line = {"position": exploit.position, "kimg": exploit.position / 1000, MARK: int(exploit.donor), **numbers}
    write_atomically(run.metrics_file, "".join(json.dumps(metrics) + "\n" for metrics in [*before, line]).encode())


def _is_mark_of(metrics: dict[str, Any], exploit: Exploit) -> bool:
    return MARK in metrics and metrics["position"] == exploit.position

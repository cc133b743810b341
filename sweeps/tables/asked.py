"""The runs that a table asks for, and what is there of them: scores, time, how they were judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sharding.console import counted
from sweeps.tables.papers import PaperRow, Table
from sweeps.tables.show import TIME
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.config import RunConfig
from trainer.runs.machine import MACHINES_KEY
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class AskedRun:
    """A row's run with one seed."""

    row: PaperRow
    run: RunDir
    """Its folder: the first is called as the preset."""
    config: RunConfig
    arguments: list[str]
    """That make the configuration of the preset."""
    split: str
    """Whose scores stand in the table."""

    @property
    def name(self) -> str:
        return self.run.path.name

    @property
    def entry(self) -> Mapping[str, Any]:
        """Of the split, in evaluation.json; empty if it has not been scored."""
        return self.run.evaluations().get(self.split, {})

    def scores(self) -> list[Mapping[str, float]]:
        """Scores and time of the run, if it has been scored."""
        if not (entry := self.entry):
            return []
        times = [line[TIME] for line in read_metrics(self.run.metrics_file) if TIME in line]
        return [entry["scores"] | ({TIME: max(times)} if times else {})]

    @property
    def judged(self) -> str:
        """By which segmentation network the run was judged, and how; empty if it was not."""
        return self.entry.get("notes", {}).get("fcn", "")


def notes_of(table: Table, asked: Sequence[AskedRun]) -> list[str]:
    """What people are to know of the figures of runs that have been scored: on which data, at which cost, by whom."""
    scored = [one for one in asked if one.entry]
    if not scored:
        return []
    config = scored[0].config
    data, images = (
        config.data,
        dict.fromkeys(f"{counted(one.entry['num_images'], 'image')} of {one.split}" for one in scored),
    )
    size = " x ".join(map(str, data.crop_shape))
    told = [
        f"Ours: {data.view_a} -> {data.view_b} of {data.path}, {size} pixels, {config.train.total_kimg:g} thousand "
        f"images seen by each run, scored on {' and '.join(images)}. The paper's are of other images, size and length: "
        "compare the order of rows.",
    ]
    machines = dict.fromkeys(each for one in scored for each in one.run.record().get(MACHINES_KEY, []))
    told += [f"Time is that of training, on {' or '.join(machines)}."] if machines else []
    judges = {"fcn"} if table.by_fcn else {"encoder", *table.encoders} if table.encoders else set()
    notes = [note for one in scored for judge, note in one.entry.get("notes", {}).items() if judge in judges]
    return [*told, *dict.fromkeys(notes)]

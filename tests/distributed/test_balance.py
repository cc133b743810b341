"""A rank that waits long for its data is told apart from the one that waits for it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launcher import run_ranks
from tests.shrink import shrink
from trainer.data.batch import Batch, Batches
from trainer.loop import balance
from trainer.loop.setup import open_trainer
from trainer.monitoring.evaluated import Evaluated
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import World
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

SLEEP_S = 0.5


@dataclass
class Slow:
    """Batches that take their time."""

    loader: Batches

    def __next__(self) -> Batch:
        time.sleep(SLEEP_S)
        return next(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def close(self) -> None:
        self.loader.close()


@dataclass
class Heard:
    """What a logger is told; of most it takes no notice."""

    metrics: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def log(self, metrics: dict[str, Any]) -> None:
        self.metrics |= metrics

    def note(self, text: str, position: int) -> None:
        self.notes.append(text)

    def picture(self, path: Path, position: int) -> None: ...

    def histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None: ...

    def evaluated(self, found: Evaluated) -> None: ...

    def alarm(self, key: str, text: str, position: int) -> None: ...

    def close(self) -> None: ...


def _train(world: World, path: Path) -> tuple[dict[str, Any], list[str]]:
    trainer = open_trainer(open_run(RunDir(path)), world=world, to_console=False)
    heard = Heard()
    if world.is_main:
        trainer.loggers.append(heard)
    else:
        trainer.loader = Slow(trainer.loader)
    balance.PERIOD_S = 0.0
    trainer.train()
    trainer.close()
    return heard.metrics, heard.notes


@pytest.mark.parametrize("stage", [0, 2])
def test_a_slow_rank_is_named_and_the_other_waits_for_it(stage: int, tiny_dataset: Path, tmp_path: Path) -> None:
    run, small = RunDir(tmp_path / "run"), shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    images = 2 * small.train.batch_size_per_gpu
    config = replace(
        small,
        train=replace(small.train, total_kimg=4 * images / 1000),
        engine=replace(small.engine, zero_stage=stage),
        log=replace(small.log, period_kimg=4 * images / 1000, measures=True),
    )
    run.create(config, preset=DEFAULT, command=[])
    (metrics, notes), _ = run_ranks(_train, 2, run.path, timeout_s=300)
    assert metrics["ranks/slowest"] == 1
    assert metrics["ranks/data_s/1"] >= SLEEP_S > metrics["ranks/data_s/0"]
    assert metrics["ranks/communication_s/0"] > metrics["ranks/communication_s/1"]
    assert metrics["ranks/communication_s/0"] > SLEEP_S / 2
    assert all(metrics[f"ranks/{phase}_s/0"] > 0 for phase in ("forward", "backward", "update"))
    assert notes[-1].startswith("slowest of 2 ranks: 1 on ")
    assert {key for line in read_metrics(run.metrics_file) for key in line if "alarm/" in key} == {"alarm/slow-rank"}

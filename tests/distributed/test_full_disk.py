"""A disk that is full for one rank alone: all ranks say so at once, and the run goes on once there is room."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.test_parity import PIX2PIX, make_method, parity_config
from trainer.checkpoints.layout import CheckpointError, checkpoint_folders
from trainer.checkpoints.progress import Progress
from trainer.checkpoints.store import Checkpoints
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.ranks.world import World

SOON_S = 10.0
"""Of a machine that does other work; collective operations wait 60 times as long."""


def checkpoints_of(world: World, folder: Path, *, stage: int) -> Checkpoints:
    config = parity_config(PIX2PIX)
    engine = Engine(
        make_method(config),
        config=replace(config.engine, zero_stage=stage),
        optimizer=config.optimizer,
        batch_size_per_gpu=1,
        world=world,
    )
    with engine.gathered() as networks:
        average = MovingAverage(networks, half_life_kimg=0)
    return Checkpoints(folder, engine=engine, average=average, keep=2, world=world)


@contextmanager
def full_disk(*, applies: bool) -> Iterator[None]:
    """No file of this process can be longer: the kernel refuses it as it does on a full disk."""
    before, writes_none = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    if applies:
        sys.dont_write_bytecode = True  # of a module that is imported first, Python 3.11 would leave what was cut off
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = writes_none


def save_with_a_full_disk(world: World, folder: Path, full: int, stage: int, apart: bool) -> dict[str, Any]:
    place = folder / (f"host-{world.rank}" if apart else "shared") / "run" / "checkpoints"
    checkpoints = checkpoints_of(world, place, stage=stage)
    checkpoints.save(Progress(position=8, step=1), rank_state={})
    checkpoints.wait()
    world.barrier()
    began = time.monotonic()
    with full_disk(applies=world.rank == full), pytest.raises(CheckpointError) as caught:
        checkpoints.save(Progress(position=16, step=2), rank_state={})
    took_s = time.monotonic() - began
    world.barrier()
    left = sorted(path.name for path in place.glob("*"))
    world.barrier()
    checkpoints.save(Progress(position=24, step=3), rank_state={})
    checkpoints.wait()
    checkpoints.close()
    return {
        "took_s": took_s,
        "said": str(caught.value),
        "left": left,
        "then": [f.name for f in checkpoint_folders(place)],
    }


@pytest.mark.parametrize(("full", "stage", "apart"), [(0, 0, False), (1, 1, False), (0, 1, True), (1, 3, True)])
def test_all_ranks_hear_of_it_at_once(full: int, stage: int, apart: bool, tmp_path: Path):
    main, other = run_ranks(save_with_a_full_disk, 2, tmp_path, full, stage, apart)
    for rank in (main, other):
        assert rank["took_s"] < SOON_S
        assert rank["said"].startswith(f"rank {full}: could not write ")
        assert "File too large" in rank["said"] or "unexpected pos" in rank["said"]
        assert "make room, then continue with: diptych train --resume" in rank["said"]
    assert main["left"] == ["00000008"]
    assert other["left"] == ([] if apart else ["00000008"])
    assert main["then"] == ["00000008", "00000024"]

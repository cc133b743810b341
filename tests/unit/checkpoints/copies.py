"""Checkpoints by hand, sent to a store."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

from sharding.storage.place import Url
from tests.store import BUCKET
from trainer.checkpoints.layout import CheckpointState, describe_files, folder_of, write_state
from trainer.checkpoints.remote.upload import Uploader
from trainer.checkpoints.sight import Sight
from trainer.ranks.world import lone_world
from trainer.runs.rundir import RunDir

FILES = {"ema.pt": b"average" * 100, "generator/state/mp_rank_00_model_states.pt": b"weights" * 1000}
QUICK_S = 20.0


def checkpoint(run: RunDir, position: int) -> Path:
    folder = folder_of(run.checkpoints, position)
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content + str(position).encode())
    state = CheckpointState(position=position, step=1, world_size=1, ranks=[{}], files=describe_files(folder))
    write_state(folder, state)
    return folder


def uploader_of(run: RunDir, *, keep: int = 2) -> Uploader:
    world = lone_world(torch.device("cpu"))
    return Uploader(run, Url(f"s3://{BUCKET}/runs"), keep=keep, sight=Sight((0,)), world=world)


def send(run: RunDir, *numbers: int, keep: int = 2, best: int | None = None) -> dict[str, float]:
    """Save and send, one after the other. Returns what the metrics say last."""
    uploader = uploader_of(run, keep=keep)
    for number in numbers:
        checkpoint(run, number)
        uploader.offer(number, best=best)
        wait_until(lambda: not uploader.held())
    metrics = uploader.metrics()
    uploader.close()
    return metrics


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + QUICK_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)

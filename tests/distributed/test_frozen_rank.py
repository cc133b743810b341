"""A rank that hangs: the others end within the time that the configuration gives, and say which one did not come."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launch.commands.status import main as tell_status
from tests.shrink import shrink
from trainer.checkpoints.layout import checkpoint_folders
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.exits import CRASHED, STOPPED
from trainer.ranks.failures import ERROR_VARIABLE
from trainer.ranks.rendezvous import STORE_VARIABLE, private_store
from trainer.runs.control import Request, ask, asked
from trainer.runs.rundir import RunDir
from trainer.runs.status import read_status

WAIT_S = 4.0
SLACK_S = 15.0
"""For the roll call and for a machine that does other work."""
START_S = 300.0


@contextmanager
def two_ranks(run: RunDir) -> Iterator[list[subprocess.Popen[bytes]]]:
    """As a launcher would start them, each with a file for its last words."""
    ranks: list[subprocess.Popen[bytes]] = []
    command = [sys.executable, "-m", "trainer.main", str(run.path)]
    try:
        with private_store() as store:
            for rank in range(2):
                own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "DIPTYCH_HOST": f"n{rank + 1}"}
                own |= {STORE_VARIABLE: str(store), ERROR_VARIABLE: str(error_file(run, rank)), "DIPTYCH_ATTEMPT": "1"}
                log = run.path.with_name(f"rank-{rank}.log").open("wb")
                with log:
                    ranks.append(subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log))
            yield ranks
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()


def error_file(run: RunDir, rank: int) -> Path:
    return run.path.with_name(f"error-{rank}.json")


def long_run(dataset: Path, folder: Path) -> RunDir:
    run, small = RunDir(folder / "run"), shrink(load_preset(DEFAULT), dataset=dataset)
    train, engine = replace(small.train, total_kimg=1000), replace(small.engine, timeout_s=WAIT_S)
    config = replace(small, train=train, engine=engine, log=replace(small.log, period_kimg=1))
    run.create(config, preset=DEFAULT, command=[])
    return run


def wait_until(condition: Callable[[], Any], *, seconds: float = START_S) -> float:
    """Returns how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        time.sleep(0.05)
    return time.monotonic() - began


def position(run: RunDir) -> int:
    status = read_status(run.path)
    return 0 if status is None else status.position


def test_two_ranks_are_asked_to_save_then_one_freezes(tiny_dataset: Path, tmp_path: Path) -> None:
    run = long_run(tiny_dataset, tmp_path)
    with two_ranks(run) as ranks:
        wait_until(lambda: position(run) > 0)
        ask(run.path, Request.SAVE)
        wait_until(lambda: checkpoint_folders(run.checkpoints))
        assert asked(run.path) == Request.NONE
        assert all(rank.poll() is None for rank in ranks)
        assert tell_status([str(run.path)]) == 0
        ranks[1].send_signal(signal.SIGSTOP)
        took_s = wait_until(lambda: ranks[0].poll() is not None, seconds=WAIT_S + SLACK_S)
    assert ranks[0].returncode == CRASHED
    assert took_s > WAIT_S / 2
    record = json.loads(error_file(run, 0).read_text())
    assert (record["host"], record["rank"], record["secondary"], record["missing"]) == ("n1", 0, True, [1])
    assert record["exit"] == CRASHED
    assert "rank 1 (host n2) did not come to it" in record["error"]
    assert record["error"].startswith(("MissingRanksError: all_reduce in trainer.", "MissingRanksError: reduction of"))
    assert "Traceback" in record["traceback"]
    assert not error_file(run, 1).exists()
    assert checkpoint_folders(run.checkpoints)
    status = read_status(run.path)
    assert status is not None
    assert status.outcome.startswith("failed: MissingRanksError")


@pytest.mark.slow
def test_a_signal_to_one_rank_saves_and_stops_all(tiny_dataset: Path, tmp_path: Path) -> None:
    run = long_run(tiny_dataset, tmp_path)
    with two_ranks(run) as ranks:
        wait_until(lambda: position(run) > 0)
        ranks[1].send_signal(signal.SIGUSR1)
        assert [rank.wait(timeout=60) for rank in ranks] == [STOPPED, STOPPED]
    status = read_status(run.path)
    assert status is not None
    saved = checkpoint_folders(run.checkpoints)
    assert (status.outcome, [int(folder.name) for folder in saved]) == ("stopped", [status.position])
    assert not error_file(run, 0).exists()

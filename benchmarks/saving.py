"""What saving costs a training: alone, and sent to a store on loopback besides.

A round is some steps, a save, and steps until all of it is done; what these took beyond what as many quiet ones take is
what the save has cost, whether training stood still or was slowed down.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from s3fs import S3FileSystem

from benchmarks.cases import CASES
from benchmarks.engines import FLOAT32, make_engine
from benchmarks.table import median_and_range
from sharding.console import markdown_table
from sharding.storage.place import Url
from trainer.checkpoints.layout import folder_of
from trainer.checkpoints.progress import Progress
from trainer.checkpoints.remote.upload import Uploader
from trainer.checkpoints.store import Checkpoints
from trainer.engine.average import MovingAverage
from trainer.engine.deepspeed_config import forget_world
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import World, close_world, init_world
from trainer.runs.config import config_to_dict
from trainer.runs.formats import RUN
from trainer.runs.rundir import RunDir

TITLES = ("checkpoints", "MB", "training waits, s", "costs in all, s", "share of the default interval, %")
_BUCKET = "bucket"
_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What saving costs."""

    rounds: int = 5
    """Saves of each variant."""
    steps: int = 8
    """Between two, at least."""


def saving_rows(rounds: int, steps: int) -> list[list[str]]:
    """Cells under `TITLES`: checkpoints kept on this disk, and sent to a store on loopback too."""
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, _store():
        world = init_world("cpu")
        try:
            for name, upload in (("on the disk", None), ("and in a store", Url(f"s3://{_BUCKET}/runs"))):
                rows.append(_row(name, _begin(Path(folder) / name.replace(" ", "-"), world, upload), rounds, steps))
        finally:
            forget_world()
            close_world()
    return rows


@dataclass(frozen=True, kw_only=True)
class _Run:
    checkpoints: Checkpoints
    step: Callable[[], object]
    batch_size: int


def _begin(folder: Path, world: World, upload: Url | None) -> _Run:
    """The networks of the default preset, without a data set: batches are noise."""
    case = CASES[0]
    engine = make_engine(case, FLOAT32, world)
    batch = case.batch(world.device)
    with engine.gathered() as networks:
        average = MovingAverage(networks, half_life_kimg=1)
    run = _run_dir(folder)
    checkpoints = Checkpoints(run.checkpoints, engine=engine, average=average, keep=2, world=world)
    if upload is not None:
        checkpoints.uploader = Uploader(run, upload, keep=2, sight=checkpoints.sight, world=world)
    return _Run(checkpoints=checkpoints, step=lambda: engine.train_step(batch, step=0), batch_size=case.batch_size)


def _run_dir(folder: Path) -> RunDir:
    run = RunDir(folder)
    run.checkpoints.mkdir(parents=True)
    record = {
        "preset": DEFAULT,
        "command": [],
        "started": "2026-11-28T00:00:00+00:00",
        "commit": None,
        "python": "",
        "versions": {},
        "wandb_id": folder.name,
        "dataset_sha256": "0" * 64,
        "config": config_to_dict(load_preset(DEFAULT)),
        "held_out": {},
    }
    RUN.write(run.run_file, record)
    return run


def _row(name: str, run: _Run, rounds: int, steps: int) -> list[str]:
    waits: list[float] = []
    costs: list[float] = []
    shares: list[float] = []
    for number in range(rounds + 1):
        quiet_s = _time_steps(run, steps)
        wait_s, busy_s, num_steps = _save(run, position=number + 1, steps=steps)
        quiet_s = (quiet_s + _time_steps(run, steps)) / 2
        if number > 0:  # the first warms up
            waits.append(wait_s)
            costs.append(busy_s - num_steps * quiet_s)
            shares.append(100 * costs[-1] / _interval_s(quiet_s / run.batch_size))
    newest = folder_of(run.checkpoints.folder, rounds + 1)
    num_bytes = sum(path.stat().st_size for path in newest.rglob("*") if path.is_file())
    failed = run.checkpoints.times().get("upload/failed", 0)
    run.checkpoints.close()
    assert not failed, "a checkpoint was not sent"
    cells = [median_and_range(values, digits=2) for values in (waits, costs, shares)]
    return [name, f"{num_bytes / 1e6:.1f}", *cells]


def _interval_s(seconds_per_image: float) -> float:
    """From one checkpoint of the default preset to the next."""
    return 1000 * load_preset(DEFAULT).checkpoint.period_kimg * seconds_per_image


def _time_steps(run: _Run, steps: int) -> float:
    """Seconds of one."""
    taken = []
    for _ in range(steps):
        began = time.perf_counter()
        run.step()
        taken.append(time.perf_counter() - began)
    return statistics.fmean(taken)


def _save(run: _Run, *, position: int, steps: int) -> tuple[float, float, int]:
    """Seconds that a save stalls; seconds and number of steps until all of it is done."""
    began = time.perf_counter()
    run.checkpoints.save(Progress(position=position, step=position), rank_state={})
    wait_s = time.perf_counter() - began
    num_steps = 0
    while num_steps < steps or _is_busy(run.checkpoints, position):
        run.step()
        num_steps += 1
    return wait_s, time.perf_counter() - began, num_steps


def _is_busy(checkpoints: Checkpoints, position: int) -> bool:
    uploader = checkpoints.uploader
    is_published = folder_of(checkpoints.folder, position).exists()
    return not is_published or (uploader is not None and bool(uploader.held()))


@contextmanager
def _store() -> Iterator[None]:
    """An S3 of moto's in a process of its own, which `AWS_...` variables point to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    try:
        with patch.dict(os.environ, address):
            _make_bucket(server)
            yield
    finally:
        server.kill()
        server.wait()


def _make_bucket(server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            S3FileSystem(skip_instance_cache=True).mkdir(_BUCKET)
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.2)


def main() -> None:
    """Print the table."""
    import tyro

    options = tyro.cli(Options)
    print("\n".join(markdown_table(list(TITLES), saving_rows(options.rounds, options.steps))))


if __name__ == "__main__":
    main()

"""Two hosts that see one folder send each its ranks' files; the state comes when both parts are there."""

import logging
import time
from dataclasses import replace
from pathlib import Path

from sharding.storage.place import Url
from tests.distributed.launcher import run_ranks
from tests.store import BUCKET, serve_store
from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from trainer.checkpoints.layout import CheckpointState, describe_files, folder_of, write_state
from trainer.checkpoints.remote import parts
from trainer.checkpoints.remote.upload import Uploader
from trainer.checkpoints.sight import Sight
from trainer.ranks.world import World
from trainer.runs.rundir import RunDir

POSITION, LATER = 8, 16


def write(run: RunDir, position: int) -> None:
    folder = folder_of(run.checkpoints, position)
    folder.mkdir()
    for name in ("ema.pt", "pools-0000.pt", "pools-0001.pt"):
        (folder / name).write_bytes(f"{name} after {position}".encode())
    state = CheckpointState(position=position, step=1, world_size=2, ranks=[{}, {}], files=describe_files(folder))
    write_state(folder, state)


def send(world: World, run: RunDir) -> dict[str, float]:
    """The first checkpoint of both hosts; of the second the other host sends nothing."""
    parts.PARTS_S, parts.PUBLISHED_AT_END_S = 20.0, 1.0
    logging.disable()
    world = replace(world, hosts=("a", "b"))
    uploader = Uploader(run, Url(f"s3://{BUCKET}/runs"), keep=2, sight=Sight((0, 0)), world=world)
    for position in (POSITION, LATER):
        if world.is_main:
            time.sleep(0.5)  # the other host waits until it has its name
            write(run, position)
            parts.PARTS_S = 20.0 if position == POSITION else 2.0
        if world.is_main or position == POSITION:
            uploader.offer(position, best=None)
        while uploader.held():
            time.sleep(0.05)
        world.barrier()
    metrics = uploader.metrics()
    uploader.close()
    return metrics


def test_each_host_sends_its_part_and_half_of_the_hosts_make_no_checkpoint(tmp_path: Path):
    write_map_dataset(tmp_path / "set")
    run = RunDir(tmp_path / "ada")
    write_tiny_run(run, tiny_config(tmp_path / "set"))
    with serve_store() as store:
        main, other = run_ranks(send, 2, run)
        names = store.names("runs/ada/checkpoints")
        sent = store.sent()
        left = store.names("runs/ada/parts")
    assert names >= {f"{POSITION:08d}/{name}" for name in ("ema.pt", "pools-0000.pt", "pools-0001.pt", "state.json")}
    assert f"{LATER:08d}/ema.pt" in names
    assert not names & {f"{LATER:08d}/pools-0001.pt", f"{LATER:08d}/state.json"}
    assert (main["upload/done"], main["upload/failed"]) == (1, 1)
    assert (other["upload/done"], other["upload/failed"]) == (1, 0)
    assert left == set()
    receipt = next(number for number, path in enumerate(sent) if "/parts/" in path)
    assert sent.index(f"runs/ada/checkpoints/{POSITION:08d}/pools-0001.pt") < receipt
    assert receipt < sent.index(f"runs/ada/checkpoints/{POSITION:08d}/state.json")

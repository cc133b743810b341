"""What a checkpoint restores beside weights: steps, pools, what a rank keeps; and on another number of ranks."""

from dataclasses import replace
from errno import ENOSPC
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.shrink import SIDE, shrink
from trainer.checkpoints.layout import CheckpointError, folder_of, latest_checkpoint, read_state, write_state
from trainer.checkpoints.load import load_checkpoint
from trainer.checkpoints.progress import Progress, Standing
from trainer.checkpoints.store import Checkpoints
from trainer.config.method import Task
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.registry import build_method
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import World, init_world
from trainer.runs.config import RunConfig

POOL_SIZE = 4
PROGRESS = Progress(position=24, step=7)


def make_engine(*, zero_stage: int = 0) -> Engine:
    """Of CycleGAN, which has two pools; its weights are of no concern here."""
    preset = load_preset(DEFAULT)
    config: RunConfig = shrink(replace(preset, method=CycleGANConfig()), dataset=Path("unused"))
    method = replace(config.method, pool_size=POOL_SIZE)
    return Engine(
        build_method(method, Task(channels_a=3, channels_b=3, side=SIDE)),
        config=replace(config.engine, zero_stage=zero_stage),
        optimizer=config.optimizer,
        batch_size_per_gpu=1,
        world=init_world("cpu"),
    )


@pytest.fixture(scope="module")
def engine() -> Engine:
    return make_engine()


def average_of(engine: Engine) -> MovingAverage:
    with engine.gathered() as networks:
        return MovingAverage(networks, half_life_kimg=0)


def rank_of(size: int, *, rank: int) -> World:
    return replace(init_world("cpu"), rank=rank, size=size)


def numbered(*numbers: int) -> list[Tensor]:
    """Images that show a number."""
    return [torch.full((3, 2, 2), float(number)) for number in numbers]


def numbers(engine: Engine) -> dict[str, list[int]]:
    return {name: [int(image[0, 0, 0]) for image in pool.images] for name, pool in engine.method.pools.items()}


def fill(engine: Engine, **images: list[Tensor]) -> None:
    for name, pool in engine.method.pools.items():
        pool.load_state_dict({"images": images.get(name, [])})


def checkpoints_in(folder: Path, engine: Engine, *, keep: int = 2) -> Checkpoints:
    return Checkpoints(folder, engine=engine, average=average_of(engine), keep=keep, world=rank_of(1, rank=0))


def save(folder: Path, engine: Engine, *, progress: Progress = PROGRESS, keep: int = 2) -> Path:
    checkpoints = checkpoints_in(folder, engine, keep=keep)
    checkpoints.save(progress, rank_state={"rank": 0})
    checkpoints.close()
    return folder_of(folder, progress.position)


def save_of_ranks(folder: Path, engine: Engine, *, pools: list[dict[str, list[Tensor]]]) -> Path:
    """As several ranks without ZeRO would write it: what is of all ranks the main one writes."""
    written = save(folder, engine)
    ranks = [{"rank": rank} for rank in range(len(pools))]
    write_state(written, replace(read_state(written), world_size=len(pools), ranks=ranks))
    for rank, images in enumerate(pools):
        torch.save({name: {"images": images[name]} for name in images}, written / f"pools-{rank:04d}.pt")
    return written


def load(folder: Path, engine: Engine, world: World) -> tuple[Progress, list[dict[str, Any]]]:
    return load_checkpoint(folder, engine=engine, average=average_of(engine), world=world)


def test_the_number_of_steps_and_the_pools_are_restored(engine: Engine, tmp_path: Path):
    fill(engine, a=numbered(1, 2, 3), b=numbered(4))
    written = save(tmp_path, engine)
    assert latest_checkpoint(tmp_path) == written
    fill(engine, a=numbered(9))
    progress, states = load(written, engine, rank_of(1, rank=0))
    assert progress == PROGRESS
    assert states == [{"rank": 0}]
    assert numbers(engine) == {"a": [1, 2, 3], "b": [4]}


TWO_RANKS = [
    {"a": numbered(1, 2, 3, 4), "b": numbered(11)},
    {"a": numbered(5, 6, 7, 8), "b": numbered(12, 13)},
]


@pytest.mark.parametrize("rank", [0, 1])
def test_each_rank_gets_its_own_pools(rank: int, engine: Engine, tmp_path: Path):
    written = save_of_ranks(tmp_path, engine, pools=TWO_RANKS)
    _, states = load(written, engine, rank_of(2, rank=rank))
    assert states == [{"rank": rank}]
    assert numbers(engine) == {"a": [[1, 2, 3, 4], [5, 6, 7, 8]][rank], "b": [[11], [12, 13]][rank]}


def test_fewer_ranks_share_all_pools_up_to_their_size(engine: Engine, tmp_path: Path):
    written = save_of_ranks(tmp_path, engine, pools=TWO_RANKS)
    progress, states = load(written, engine, rank_of(1, rank=0))
    assert progress == PROGRESS
    assert states == [{"rank": 0}, {"rank": 1}]
    found = numbers(engine)
    assert found["b"] == [11, 12, 13]
    assert len(found["a"]) == POOL_SIZE
    assert len(set(found["a"]) & {1, 2, 3, 4}) == 2, "as many of each rank"


def test_more_ranks_deal_the_images_out(engine: Engine, tmp_path: Path):
    written = save_of_ranks(tmp_path, engine, pools=TWO_RANKS)
    dealt = []
    for rank in range(3):
        load(written, engine, rank_of(3, rank=rank))
        dealt.append(numbers(engine)["a"])
    assert sorted(image for images in dealt for image in images) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [len(images) for images in dealt] == [3, 3, 2]


@pytest.mark.parametrize(
    "name", ["state.json", "pools-0000.pt", "ema.pt", "generators/state/mp_rank_00_model_states.pt"]
)
@pytest.mark.parametrize("damage", ["cut", "overwritten", "gone"])
def test_a_damaged_file_is_an_explained_error(name: str, damage: str, engine: Engine, tmp_path: Path):
    fill(engine, a=numbered(1), b=numbered(2))
    written = save(tmp_path, engine)
    whole = (written / name).read_bytes()
    if damage == "gone":
        (written / name).unlink()
    else:
        (written / name).write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"no archive" * 100)
    with pytest.raises(CheckpointError, match=r"^[^:]*00000024 is damaged: .*Delete it to fall back to an earlier one"):
        load(written, engine, rank_of(1, rank=0))


def test_only_the_newest_are_kept(engine: Engine, tmp_path: Path):
    for position in (8, 16, 24):
        save(tmp_path, engine, progress=Progress(position=position, step=1), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000016", "00000024"]


def standing(*, position: int, since: int, value: float | None = 1.5) -> Standing:
    return Standing(score="eval/psnr", position=position, value=value, since=since)


def test_the_best_is_kept_beside_the_newest_and_survives_a_resume(engine: Engine, tmp_path: Path):
    checkpoints = checkpoints_in(tmp_path, engine, keep=1)
    for position, since in ((8, 8), (16, 8), (24, 8), (32, 32), (40, 32)):
        progress = Progress(position=position, step=1, standing=standing(position=position, since=since))
        checkpoints.save(progress, rank_state={})
        checkpoints.wait()
        assert {path.name for path in tmp_path.iterdir()} == {f"{since:08d}", f"{position:08d}"}
    checkpoints.close()
    loaded = checkpoints_in(tmp_path, engine).load()
    assert loaded is not None
    assert loaded.progress.standing == standing(position=40, since=32)


def test_a_score_that_was_never_a_number_has_no_best(engine: Engine, tmp_path: Path):
    never = standing(position=24, since=8, value=None)
    written = save(tmp_path, engine, progress=Progress(position=24, step=1, standing=never))
    assert read_state(written).standing == never
    assert never.best is None


def test_training_goes_on_while_the_disk_takes_its_time(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    disk_is_ready = Event()
    monkeypatch.setattr("trainer.checkpoints.publish.sync", lambda path: disk_is_ready.wait())
    checkpoints = checkpoints_in(tmp_path, engine)
    checkpoints.save(PROGRESS, rank_state={})
    assert latest_checkpoint(tmp_path) is None, "it is not durable, and does not count"
    assert checkpoints.times() == {}
    disk_is_ready.set()
    checkpoints.wait()
    assert latest_checkpoint(tmp_path) == tmp_path / "00000024"
    times = checkpoints.times()
    assert 0 < times["time/save_stall_s"] < times["time/save_durable_s"]
    assert checkpoints.times() == {}, "each save is told of once"
    checkpoints.close()


@pytest.mark.parametrize("ask", ["save", "wait", "close"])
def test_what_goes_wrong_behind_the_training_is_told_at_the_next_occasion(
    ask: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save(tmp_path, engine, progress=Progress(position=16, step=1))

    def full(path: Path) -> None:
        raise OSError(ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("trainer.checkpoints.publish.sync", full)
    checkpoints = checkpoints_in(tmp_path, engine)
    checkpoints.save(PROGRESS, rank_state={})
    again = partial(checkpoints.save, Progress(position=32, step=9), rank_state={})
    with pytest.raises(CheckpointError, match=r"could not write .*00000024: .*No space left .*Earlier .* untouched"):
        {"save": again, "wait": checkpoints.wait, "close": checkpoints.close}[ask]()
    assert [path.name for path in tmp_path.iterdir()] == ["00000016"]
    checkpoints.close()  # and it is told once

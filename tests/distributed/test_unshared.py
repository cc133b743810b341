"""Ranks that do not see the main rank's files, as on machines that share no file system: a run goes on to the bit."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launcher import run_ranks
from tests.integration.test_elastic import train
from tests.shrink import shrink
from trainer.checkpoints.sight import Sight, look_around
from trainer.checkpoints.source import find_origin
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import load_preset
from trainer.ranks import exchange
from trainer.ranks.exchange import Delivery, DeliveryError, deliver
from trainer.ranks.world import World
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

TOTAL, STOP_AT = 12, 6
RUN = RunDir(Path("run"))
"""Relative: each rank has another present folder, as another machine has another disk."""


def config_of(dataset: Path, *, stage: int) -> RunConfig:
    """Of CycleGAN, which has histories of images; 6 steps of two images each, without an evaluation on the way."""
    small = shrink(load_preset("unpaired-cyclegan"), dataset=dataset)
    return replace(
        small,
        train=replace(small.train, batch_size_per_gpu=1, total_kimg=TOTAL / 1000),
        engine=replace(small.engine, zero_stage=stage),
        log=replace(small.log, period_kimg=0.002),
    )


def losses() -> list[dict[str, Any]]:
    return [
        {key: value for key, value in line.items() if key == "position" or key.startswith("loss/")}
        for line in read_metrics(RUN.metrics_file)
        if "lr" in line
    ]


def begin(world: World, folder: Path, config: RunConfig, *, origin: Path | None = None) -> None:
    """A new run: the main rank makes it, and run.json is put where others do not see it, as launchers do."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    if world.is_main and not RUN.run_file.exists():
        entry = None if origin is None else find_origin(origin).to_record()
        RUN.create(config, preset="unpaired-cyclegan", command=[], origin=entry)
    content = world.gather(RUN.run_file.read_bytes() if world.is_main else b"")[0]
    if not RUN.run_file.exists():
        RUN.path.mkdir(exist_ok=True)
        RUN.run_file.write_bytes(content)
    world.barrier()


def names_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def train_in(world: World, folder: Path, config: RunConfig, apart: bool, stop_at: int | None) -> dict[str, Any]:
    """Begin a run, or go on with it: in one folder, or apart in one of each rank's own."""
    begin(world, folder / (f"host-{world.rank}" if apart else "shared"), config)
    train(world, RUN, stop_at)
    return {"losses": losses(), "files": names_below(RUN.path)}


@pytest.mark.slow
@pytest.mark.parametrize("stage", [0, 1, pytest.param(3, marks=pytest.mark.soak)])
def test_a_resumed_run_equals_an_undisturbed_one(stage: int, tiny_dataset: Path, tmp_path: Path):
    config = config_of(tiny_dataset, stage=stage)
    expected, _ = run_ranks(train_in, 2, tmp_path, config, False, None)
    _, other = run_ranks(train_in, 2, tmp_path, config, True, STOP_AT)
    assert other["files"] == ["run.json"]
    main, other = run_ranks(train_in, 2, tmp_path, config, True, None)
    assert other["files"] == ["run.json"]
    assert len(expected["losses"]) == TOTAL // 2
    assert main["losses"] == expected["losses"]
    last = f"checkpoints/{TOTAL:08d}/"
    assert f"{last}pools-0001.pt" in main["files"]
    assert {name for name in expected["files"] if name.startswith(last)} <= set(main["files"])


def begin_apart(world: World, folder: Path, dataset: Path) -> tuple[list[Any], list[str]]:
    """A run that begins with the weights of another, which lies where the main rank alone sees it."""
    config = config_of(dataset, stage=0)
    begin(world, folder / "first", config)
    train(world, RUN, STOP_AT)
    place = folder / "first"
    if world.is_main:
        (place / "run").rename(folder / "only-here")
    world.barrier()
    origin = folder / f"only-{'here' if world.is_main else 'there'}"
    begin(world, folder / f"host-{world.rank}", config, origin=origin)
    if not world.is_main:  # its disk has nothing at the place that run.json names
        text = RUN.run_file.read_text().replace("only-here", "only-there")
        RUN.run_file.write_text(text)
    train(world, RUN)
    return losses(), names_below(RUN.path)


@pytest.mark.slow
def test_a_run_begins_with_weights_that_only_the_main_rank_sees(tiny_dataset: Path, tmp_path: Path):
    (main, _), (_, left) = run_ranks(begin_apart, 2, tmp_path, tiny_dataset, timeout_s=240)
    assert len(main) == TOTAL // 2
    assert left == ["run.json"]


def look_from_two_machines(world: World, folder: Path) -> Sight:
    place = folder / ("a" if world.rank in (0, 1) else "b")
    return look_around(place, world=world)


def send_around(world: World, folder: Path) -> list[str]:
    """Files of more and fewer bytes than a piece, from and to the main rank, at the same time."""
    exchange.PIECE_BYTES = 1000
    sizes = {"empty": 0, "short": 10, "even": 2000, "long": 3500}
    own = folder / str(world.rank)
    own.mkdir()
    for number, (name, size) in enumerate(sizes.items()):
        (own / name).write_bytes(bytes([world.rank * 16 + number]) * size)
    world.barrier()
    plan = [
        Delivery(
            source=source,
            target=target,
            read_from=folder / str(source) / name,
            write_to=folder / f"{source}-to-{target}" / "below" / name,
            num_bytes=size,
        )
        for source, target in ((0, 1), (0, 2), (1, 0), (2, 0), (0, 0))
        for name, size in sizes.items()
    ]
    deliver(plan, world=world)
    faults = []
    for broken in (
        replace(plan[0], source=1, target=2, read_from=folder / "nowhere"),
        replace(plan[0], source=1, target=2, num_bytes=1, read_from=plan[0].read_from),  # shorter than told
        replace(plan[0], source=2, target=1, read_from=plan[1].read_from, write_to=plan[1].write_to, num_bytes=10),
    ):
        with pytest.raises(DeliveryError) as caught:
            deliver([broken], world=world)
        faults.append(str(caught.value))
    return faults


def do_both(world: World, folder: Path) -> tuple[Sight, list[str]]:
    return look_from_two_machines(world, folder / "sight"), send_around(world, folder)


def test_files_arrive_and_faults_are_known_to_all(tmp_path: Path):
    outcomes = run_ranks(do_both, 3, tmp_path)
    assert list((tmp_path / "sight").rglob("*.tmp")) == []
    assert [sight.leaders for sight, _ in outcomes] == [(0, 0, 2)] * 3
    for source, target in ((0, 1), (0, 2), (1, 0), (2, 0), (0, 0)):
        for name in ("empty", "short", "even", "long"):
            sent, arrived = tmp_path / str(source) / name, tmp_path / f"{source}-to-{target}" / "below" / name
            assert sent.read_bytes() == arrived.read_bytes()
    for _, (missing, short, there) in outcomes:
        assert missing.startswith("rank 1: ")
        assert "No such file" in missing
        assert short.startswith("rank 1: ")
        assert "shorter" in short
        assert there.startswith("rank 1: ")
        assert "File exists" in there


def test_ranks_that_see_each_other_share_a_copy():
    sight = Sight((0, 0, 2, 2, 4))
    assert sight.strangers == {2: [2, 3], 4: [4]}
    assert [sight.leads(rank) for rank in range(5)] == [True, False, True, False, True]
    assert not sight.is_shared
    assert Sight((0, 0)).is_shared

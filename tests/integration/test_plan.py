"""What a plan foretells, against the runs themselves."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from launch.commands.plan import main
from tests.distributed.launcher import run_ranks
from tests.shrink import shrink
from trainer.loop.setup import open_trainer
from trainer.planning.bench import Bench
from trainer.planning.envelope import at_most
from trainer.planning.forecast import Forecast
from trainer.planning.measure import measure
from trainer.planning.request import Assumed, Found, PlanRequest
from trainer.presets import load_preset
from trainer.ranks.exits import WRONG_INPUT
from trainer.ranks.world import World, close_world
from trainer.runs.config import RunConfig, config_to_dict
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

PRESETS = (
    "earth-relief2satellite",
    pytest.param("unpaired-cyclegan", marks=[pytest.mark.slow, pytest.mark.soak]),
    pytest.param("unpaired-dualgan", marks=pytest.mark.slow),
)
BATCH_SIZE = 9
"""Of another size than those that a plan looks at."""


def small(preset: str, dataset: Path) -> RunConfig:
    config = shrink(load_preset(preset), dataset=dataset)
    return replace(config, train=replace(config.train, batch_size_per_gpu=BATCH_SIZE))


def _both(world: World, run: RunDir, config: RunConfig) -> tuple[int, int]:
    """The most bytes of tensors in a step, and the bytes of a checkpoint: of the run itself."""
    run.create(config, preset="", command=[])
    opened = open_run(run)
    bench = Bench(config, opened.subject.task, world=world)
    peak = max(max(segment) for segment in bench.probe(BATCH_SIZE).segments)
    trainer = open_trainer(opened, world=world, to_console=False)
    for _ in range(3):
        trainer.step()
    trainer.save()
    trainer.wait_saved()
    trainer.close()
    (checkpoint,) = run.checkpoints.iterdir()
    return peak, sum(file.stat().st_size for file in checkpoint.rglob("*") if file.is_file())


def _measure(_: World, request: PlanRequest) -> Found:
    close_world()
    return measure(request)


@pytest.mark.parametrize("preset", PRESETS)
def test_memory_and_checkpoints_are_those_of_the_run(preset: str, tiny_dataset: Path, tmp_path: Path) -> None:
    config = small(preset, tiny_dataset)
    (found,) = run_ranks(_measure, 1, PlanRequest(config=config_to_dict(config), num_steps=2))
    ((peak, num_bytes),) = run_ranks(_both, 1, RunDir(tmp_path / "run"), config)
    assert at_most(found.tensors, BATCH_SIZE) == pytest.approx(peak, rel=0.01)
    planned = Forecast(config=config, num_ranks=1, found=found, free_disk=10**12)
    files = 200_000  # names of weights, settings, and our own lines
    assert planned.checkpoint_bytes <= num_bytes <= planned.checkpoint_bytes + files
    assert len(found.step_s) >= 2
    assert found.flops >= sum(player.flops for player in found.players) > 0


@pytest.mark.slow
@pytest.mark.parametrize("stage", [2, pytest.param(3, marks=pytest.mark.soak)])
def test_zero_shares_what_it_shares_among_more_ranks_than_there_are(stage: int) -> None:
    config = small("earth-relief2satellite", Path("nowhere"))
    request = PlanRequest(
        config=config_to_dict(replace(config, engine=replace(config.engine, zero_stage=stage))),
        num_ranks=4,
        num_steps=1,
        assumed=Assumed(),
    )
    (found,) = run_ranks(_measure, 1, request)
    for player in found.players:
        assert player.held["state"] == pytest.approx(8 * player.num_weights / 4, rel=0.05)
        assert player.held["copies"] == pytest.approx(4 * player.num_weights / 4, rel=0.05)


@pytest.mark.slow
def test_the_command_refuses_what_cannot_fit(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    flags = ["--data.path", str(tmp_path / "none"), "--memory-gib", "0.1", "--runs", str(tmp_path / "runs"), "--json"]
    small_words = ["--method.generator.num-filters", "4", "--method.discriminator.num-filters", "4"]
    assert main(["earth-relief2satellite", *flags, *small_words, "--data.crop-size", "128"]) == WRONG_INPUT
    told = capfd.readouterr()
    plan = json.loads(told.out)
    assert plan["step_s"] is None
    assert plan["needs_bytes"] > 0.1 * 2**30
    assert "train.batch_size_per_gpu = 4: a rank needs " in told.err
    assert "is not there: batches are noise" in told.err
    assert not (tmp_path / "runs").exists()

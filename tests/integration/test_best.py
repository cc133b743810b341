"""The best checkpoint is kept and found, and training ends early: when stopped on the way, too, and on two ranks."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from launch.commands.verify import verify_run
from launch.starting import same_config
from tests.distributed.launcher import run_ranks
from tests.shrink import shrink
from trainer.checkpoints.layout import checkpoint_folders, latest_checkpoint, read_state
from trainer.config.errors import ConfigError
from trainer.inference.translator import load_translator
from trainer.loop.keepers import after_evaluation
from trainer.loop.setup import open_trainer
from trainer.main import main
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import World, init_world
from trainer.runs.config import RunConfig
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

SCORE = "eval/psnr"
PATIENCE = 24
BEST = Path("best")


@pytest.fixture(scope="module")
def config(tiny_dataset: Path) -> RunConfig:
    """Scored every 8 images. The rate is so low that weights stay as they are, and no score can improve for long."""
    small = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    return replace(
        small,
        train=replace(small.train, batch_size_per_gpu=2, total_kimg=0.4, patience_kimg=PATIENCE / 1000),
        optimizer=replace(small.optimizer, lr=1e-30),
        evaluate=replace(small.evaluate, period_kimg=0.008),
        checkpoint=replace(small.checkpoint, period_kimg=0.012, keep=1, keep_best=SCORE),
    )


def make_run(folder: Path, config: RunConfig) -> RunDir:
    run = RunDir(folder)
    run.create(config, preset=DEFAULT, command=[])
    return run


def train(world: World, run: RunDir, num_steps: int | None = None) -> int:
    """Some steps, saved; or to the end, scored. Returns the position."""
    trainer = open_trainer(open_run(run), world=world, to_console=False)
    try:
        if num_steps is None:
            assert trainer.train()
            trainer.finish()
        else:
            for _ in range(num_steps):
                trainer.step()
            trainer.save()
            trainer.checkpoints.wait()
        return trainer.position
    finally:
        trainer.close()


def expected(run: RunDir) -> tuple[int, int]:
    """By the scores in metrics.jsonl: where the best one was, and where patience ended."""
    standing = None
    for line in read_metrics(run.metrics_file):
        if SCORE in line:
            standing = after_evaluation(standing, score=SCORE, value=line[SCORE], position=line["position"])
            if standing.images_without_gain >= PATIENCE:
                break
    assert standing is not None
    assert standing.best is not None
    return standing.best, standing.position


def assert_ended_early(run: RunDir, *, position: int) -> None:
    best, end = expected(run)
    assert position == end < run.config().train.total_images
    assert [int(folder.name) for folder in checkpoint_folders(run.checkpoints)] == sorted({best, end})
    stopped = run.early_stop()
    assert stopped is not None
    assert stopped["position"] == end
    assert f"{SCORE} has not improved" in stopped["reason"]
    assert run.evaluations()["test"]["position"] == end
    assert run.is_finished("test")
    assert list(verify_run(run)) == []
    page = run.report_file.read_text()
    assert "ended early" in page
    assert stopped["reason"] in page


@pytest.fixture(scope="module")
def unbroken(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("best") / "unbroken", config)
    position = train(init_world("cpu"), run)
    assert_ended_early(run, position=position)
    return run


def test_a_run_that_was_stopped_on_the_way_ends_where_one_does_that_was_not(
    config: RunConfig, unbroken: RunDir, tmp_path: Path
) -> None:
    """Saved between two evaluations, and at one."""
    run = make_run(tmp_path / "parts", config)
    for num_steps in (5, 3, 6):
        train(init_world("cpu"), run, num_steps)
    position = train(init_world("cpu"), run)
    assert_ended_early(run, position=position)
    newest, other = (latest_checkpoint(each.checkpoints) for each in (run, unbroken))
    assert newest is not None
    assert other is not None
    assert read_state(newest).standing == read_state(other).standing


def test_what_ended_early_is_not_trained_again(unbroken: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    lines = read_metrics(unbroken.metrics_file)
    assert main(unbroken.path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"training ended early, after {expected(unbroken)[1]} images: {SCORE} has not improved" in said
    assert "best checkpoint:" in said
    assert read_metrics(unbroken.metrics_file) == lines
    assert_ended_early(unbroken, position=expected(unbroken)[1])


def test_the_best_is_found_by_its_name(unbroken: RunDir, config: RunConfig) -> None:
    _, position = load_translator(open_run(unbroken), device=torch.device("cpu"), checkpoint=BEST)
    assert position == expected(unbroken)[0]
    assert same_config(unbroken, config)


def test_without_a_best_the_remedy_is_told(config: RunConfig, tmp_path: Path) -> None:
    plain = replace(
        config,
        train=replace(config.train, patience_kimg=0.0),
        checkpoint=replace(config.checkpoint, keep_best=None),
    )
    run = make_run(tmp_path / "plain", plain)
    train(init_world("cpu"), run, 1)
    with pytest.raises(ConfigError, match=r"checkpoint = 'best': was not kept; give a folder in .*keep_best"):
        load_translator(open_run(run), device=torch.device("cpu"), checkpoint=BEST)


def test_a_run_that_goes_on_from_an_earlier_checkpoint_is_not_over(config: RunConfig, tmp_path: Path) -> None:
    run = make_run(tmp_path / "again", config)
    train(init_world("cpu"), run, 2)
    run.write_early_stop(position=400, reason="of a checkpoint that is gone")
    train(init_world("cpu"), run, 1)
    assert run.early_stop() is None


@pytest.mark.slow
def test_two_ranks_agree(config: RunConfig, tmp_path: Path) -> None:
    run = make_run(tmp_path / "ranks", config)
    assert run_ranks(train, 2, run, 5) == [20, 20]
    (position, other) = run_ranks(train, 2, run)
    assert position == other
    assert_ended_early(run, position=position)

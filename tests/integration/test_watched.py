"""A run that has no validation split learns, watches and chooses without one look at the test split."""

from dataclasses import replace
from pathlib import Path

from sharding.format.manifest import View
from tests.shrink import SIDE, shrink
from tests.unit.data.tiny_shards import encode, noise, write_dataset
from trainer.config.evaluate import EvaluateConfig
from trainer.data.loader import Loader
from trainer.data.subject import HELD_OUT
from trainer.loop.setup import open_trainer
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


def write_set(folder: Path) -> None:
    views = {name: View(extension=f"{name}.png", width=SIDE, height=SIDE) for name in ("a", "b")}
    splits = {
        split: [
            [
                (f"{split}-{number}", {name: encode(noise(number, side=SIDE), f"{name}.png") for name in views})
                for number in range(size)
            ]
        ]
        for split, size in {"train": 80, "test": 2}.items()
    }
    write_dataset(folder, views=views, splits=splits)


def test_the_test_split_is_not_read_before_the_end(tmp_path: Path):
    write_set(tmp_path / "set")
    config = shrink(load_preset(DEFAULT), dataset=tmp_path / "set")
    config = replace(
        config, evaluate=EvaluateConfig(period_kimg=0.004), samples=replace(config.samples, period_kimg=0.004)
    )
    run = RunDir(tmp_path / "run")
    run.create(config, preset=DEFAULT, command=[])
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
    for file in (tmp_path / "set" / "test").iterdir():
        file.unlink()
    try:
        assert trainer.held_out.subject.watched_split == HELD_OUT
        assert isinstance(trainer.loader, Loader)
        assert trainer.loader.num_samples == 76
        reported = trainer.advance(8)  # as a sweep's trial does
    finally:
        trainer.close()
    assert reported["eval/psnr"] == trainer.last_scores["eval/psnr"] > 0
    assert len(list(run.samples.iterdir())) == 2

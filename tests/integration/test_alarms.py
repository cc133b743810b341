"""Trainings that go wrong are told of, and one that does not is not. A slow rank: tests/distributed/test_balance.py."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from torch import Tensor, nn

from sharding.reading.reader import ShardReader
from tests.shrink import shrink
from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.loop.setup import open_trainer
from trainer.methods.base import Networks
from trainer.methods.pix2pix import method as pix2pix
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.pixel_gan.config import PixelGANConfig
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world
from trainer.runs.config import RunConfig
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.slow


def _alarms(
    dataset: Path, folder: Path, *, num_steps: int, preset: str = DEFAULT, change: Callable[[RunConfig], RunConfig]
) -> set[str]:
    """Those of a preset, made small and changed, with a line each step."""
    small = shrink(load_preset(preset), dataset=dataset)
    run = RunDir(folder / "run")
    config = replace(small, log=replace(small.log, measures=True), train=replace(small.train, total_kimg=1))
    run.create(change(config), preset=preset, command=[])
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=True)
    try:
        for _ in range(num_steps):
            trainer.step()
    finally:
        trainer.close()
    lines = read_metrics(run.metrics_file)
    return {key.removeprefix("alarm/") for line in lines for key in line if key.startswith("alarm/")}


def _with_rates(config: RunConfig, *, lr: float, discriminator_lr_factor: float) -> RunConfig:
    return replace(config, optimizer=replace(config.optimizer, lr=lr, discriminator_lr_factor=discriminator_lr_factor))


def _copying(config: RunConfig) -> RunConfig:
    """The distance between output and input counts for all."""
    assert isinstance(config.method, PixelGANConfig)
    steep = replace(config, method=replace(config.method, weight_pixel=300.0))
    return _with_rates(steep, lr=6e-3, discriminator_lr_factor=0.01)


def test_a_healthy_run_is_silent(tiny_dataset: Path, tmp_path: Path) -> None:
    assert _alarms(tiny_dataset, tmp_path, num_steps=20, change=lambda config: config) == set()


def test_a_discriminator_that_wins_is_told_of(tiny_dataset: Path, tmp_path: Path) -> None:
    change = partial(_with_rates, lr=1e-6, discriminator_lr_factor=5000)
    assert _alarms(tiny_dataset, tmp_path, num_steps=40, change=change) == {"discriminator-wins"}


def test_weights_that_explode_make_the_same_hard_picture_always(tiny_dataset: Path, tmp_path: Path) -> None:
    """And a discriminator that hardly learns guesses."""
    change = partial(_with_rates, lr=0.3, discriminator_lr_factor=1e-4)
    alarms = _alarms(tiny_dataset, tmp_path, num_steps=16, preset="glyphs-dcgan", change=change)
    assert alarms == {"mode-collapse", "saturated-outputs", "discriminator-lost"}


def test_a_generator_that_copies_its_input_is_told_of(tiny_dataset: Path, tmp_path: Path) -> None:
    alarms = _alarms(tiny_dataset, tmp_path, num_steps=45, preset="unpaired-pixel-gan", change=_copying)
    assert "copies-input" in alarms


def test_a_slow_disk_is_told_from_slow_decoding(
    tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = ShardReader.read

    def slowly(reader: ShardReader, shard: int, index: int) -> dict[str, bytes]:
        time.sleep(0.15)
        return read(reader, shard, index)

    monkeypatch.setattr(ShardReader, "read", slowly)
    assert _alarms(tiny_dataset, tmp_path, num_steps=7, change=lambda config: config) == {"loader-bound"}
    assert "most of it for reading files" in " ".join(capsys.readouterr().out.split())


LAYERS = nn.Conv2d, nn.ConvTranspose2d


class Flat(pix2pix.Pix2Pix):
    """Its generator's last layer is zero, as one that died."""

    def __init__(self, config: Pix2PixConfig, task: Task) -> None:
        super().__init__(config, task)
        layers = [module for module in self.players["generator"].networks.modules() if isinstance(module, LAYERS)]
        (last,) = [layer for layer in layers if layer.out_channels == task.channels_b]
        for weights in last.parameters():
            nn.init.zeros_(weights)


class Mirrored(pix2pix.Pix2Pix):
    """A slip of the pen: its generator is told to make the negative of the target."""

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return super().losses(player, networks, replace(batch, b=-batch.b), fakes)


def _without_gan(config: RunConfig, *, lr: float) -> RunConfig:
    assert isinstance(config.method, Pix2PixConfig)
    alone = replace(config, method=replace(config.method, weight_gan=0.0))
    return _with_rates(alone, lr=lr, discriminator_lr_factor=1.0)


def test_a_generator_that_makes_one_flat_colour_is_told_of(
    tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pix2pix, "build", Flat)
    change = partial(_without_gan, lr=1e-6)
    assert _alarms(tiny_dataset, tmp_path, num_steps=12, change=change) == {"dead-outputs", "mode-collapse"}


def test_a_generator_that_learns_the_negative_is_told_of(
    tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pix2pix, "build", Mirrored)
    assert _alarms(tiny_dataset, tmp_path, num_steps=40, change=partial(_without_gan, lr=5e-3)) == {"inverted-colours"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 MiB, in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_is_told_of(tiny_dataset: Path, small_disk: Path) -> None:
    assert _alarms(tiny_dataset, small_disk, num_steps=2, change=lambda config: config) == {"disk-filling"}

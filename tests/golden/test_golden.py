"""The losses of every preset's first steps, made small, and that a resumed run repeats them. Only `make golden`
changes the files.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.shrink import shrink
from trainer.loop.setup import open_trainer
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset, preset_names
from trainer.ranks.world import init_world
from trainer.runs.config import RunConfig, config_to_dict
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

NUM_STEPS = 12
SAVED_STEP = 7
"""Not a multiple of any number of critic steps, so that resuming must know where in its turn each player is."""
TOLERANCE, GROWTH = 3e-5, 2.5
"""Of the first step, of a loss or of 1; and by how much it is larger at each step, because training amplifies last
digits. Tests keep to AVX2 (`tests/conftest.py`), so AMD's processors with and without AVX-512 give the same digits.
An Intel Xeon gives the same for two steps; then they part, by up to 1e-4 at the fourth and 2e-3 at the eighth."""


def presets() -> list[Any]:
    """Those of the papers' own settings, of photos and of restoration are in the soak tier, and those that compare
    generators, losses and patches of pix2pix: others train each of these methods, too."""
    soak = [pytest.mark.slow, pytest.mark.soak]
    kinds = ("papers-", "photos-", "restore-", "pix2pix-")
    return [pytest.param(name, marks=soak if name.startswith(kinds) else ()) for name in preset_names()]


def test_a_preset_of_each_method_is_compared_at_every_change():
    here = {name for preset in presets() if not preset.marks for name in preset.values}
    assert {load_preset(name).method.name for name in here} == {
        load_preset(name).method.name for name in preset_names()
    }


@pytest.mark.parametrize("preset", presets())
def test_losses_are_those_on_record_and_a_resumed_run_repeats_them(
    preset: str, tiny_dataset: Path, tmp_path: Path, update_golden: bool
):
    lines = _lines_of(shrink(load_preset(preset), dataset=tiny_dataset), tmp_path)
    assert len(lines) == NUM_STEPS
    golden = Path(__file__).parent / f"{preset}.txt"
    if update_golden:
        golden.write_text("\n".join(lines) + "\n")
    expected = golden.read_text().splitlines()
    for step, (line, wanted) in enumerate(zip(lines, expected, strict=True)):
        most = TOLERANCE * GROWTH**step
        assert _numbers(line) == pytest.approx(_numbers(wanted), rel=most, abs=most), f"{line!r} was {wanted!r}"


_TRAINED: dict[str, list[str]] = {}
"""Losses by configuration: many presets of a method are the same once they are small."""


def _lines_of(config: RunConfig, folder: Path) -> list[str]:
    """The losses of each step, which a run that is resumed repeats to the last bit."""
    key = json.dumps(config_to_dict(config), sort_keys=True)
    if key not in _TRAINED:
        unbroken, resumed = RunDir(folder / "unbroken"), RunDir(folder / "saved")
        unbroken.create(config, preset=DEFAULT, command=[])
        _train(unbroken, num_steps=NUM_STEPS, copy_to=resumed.path)
        _train(resumed, num_steps=NUM_STEPS - SAVED_STEP)
        assert _losses(resumed) == _losses(unbroken)
        _TRAINED[key] = [_line(metrics) for metrics in read_metrics(unbroken.metrics_file)]
    return _TRAINED[key]


@pytest.fixture(autouse=True)
def _one_thread():
    """The order of sums depends on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _train(run: RunDir, *, num_steps: int, copy_to: Path | None = None) -> None:
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
    try:
        for _ in range(num_steps):
            trainer.step()
            if copy_to is not None and trainer.step_number == SAVED_STEP:
                trainer.save()
                trainer.checkpoints.wait()
                shutil.copytree(run.path, copy_to)
    finally:
        trainer.close()


def _losses(run: RunDir) -> list[dict[str, float]]:
    return [
        {key: value for key, value in metrics.items() if key.startswith(("loss/", "lr"))}
        for metrics in read_metrics(run.metrics_file)
    ]


def _line(metrics: dict) -> str:
    return " ".join(f"{key}={value:.6f}" for key, value in metrics.items() if key.startswith("loss/"))


def _numbers(line: str) -> dict[str, float]:
    return {key: float(value) for key, value in (term.split("=") for term in line.split())}

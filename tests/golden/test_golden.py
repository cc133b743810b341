"""The first 20 losses of every preset, made small. Only `make golden` changes the files."""

from pathlib import Path

import pytest

from tests.shrink import shrink
from trainer.logging.jsonl import read_metrics
from trainer.loop import Trainer
from trainer.presets import load_preset, preset_names
from trainer.rundir import RunDir
from trainer.world import init_world

NUM_STEPS = 20
TOLERANCE = 2e-3
"""Relative: processors add in different orders, and training amplifies the last digits."""


@pytest.mark.parametrize("preset", preset_names())
def test_losses_are_those_on_record(preset: str, tiny_dataset: Path, tmp_path: Path, update_golden: bool):
    lines = [_line(metrics) for metrics in _train(preset, tiny_dataset, tmp_path / "run")]
    assert len(lines) == NUM_STEPS
    golden = Path(__file__).parent / f"{preset}.txt"
    if update_golden:
        golden.write_text("\n".join(lines) + "\n")
    expected = golden.read_text().splitlines()
    for line, wanted in zip(lines, expected, strict=True):
        assert _numbers(line) == pytest.approx(_numbers(wanted), rel=TOLERANCE), f"{line!r} was {wanted!r}"


def _train(preset: str, dataset: Path, folder: Path) -> list[dict]:
    config = shrink(load_preset(preset), dataset=dataset)
    run = RunDir(folder)
    run.create(config, preset=preset, command=[])
    trainer = Trainer(run, world=init_world("cpu"), to_console=False)
    try:
        for _ in range(NUM_STEPS):
            trainer.step()
    finally:
        trainer.close()
    return read_metrics(run.metrics_file)


def _line(metrics: dict) -> str:
    return " ".join(f"{key}={value:.6f}" for key, value in metrics.items() if key.startswith("loss/"))


def _numbers(line: str) -> dict[str, float]:
    return {key: float(value) for key, value in (term.split("=") for term in line.split())}

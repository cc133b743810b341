"""A sweep as it lies on disk when it has ended: made without training, to be shown."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sweeps.plan import Sweep, SweepDir, written
from sweeps.records import Record, read_records, write_record
from sweeps.resources import Resources
from sweeps.rows import TrialRow, rows_on_record
from sweeps.spaces.space import Space
from sweeps.trials import trial_config
from trainer.config.domains import Choice, LogUniform
from trainer.pictures.grid import sample_grid, save_picture
from trainer.presets import DEFAULT, load_preset

SPACE = Space(
    {
        "method.weight_l1": LogUniform(10, 1000),
        "method.generator.architecture": Choice("unet", "resnet"),
        "method.generator.skips": Choice("add", "none"),
    },
    {"method.generator.skips": {"method.generator.architecture": ("unet",)}},
)
"""Skips have an effect in U-Nets alone."""
ENDS = (2000, 1000, 2000, 1000, 2000, 500, 2000, 500)
"""Images after which the trials ended."""
PERIOD = 500

TINY_TRIALS = {
    "method.generator.num-filters": 4,
    "method.generator.num-downs": 4,
    "method.discriminator.num-filters": 4,
    "method.discriminator.num-layers": 2,
    "data.view-a": "a",
    "data.view-b": "b",
    "data.load-size": 40,
    "data.crop-size": 32,
    "engine.device": "cpu",
    "samples.num-rows": 1,
}
"""Flags of sweeps that train for real: small networks on `tiny_dataset`."""


def make_sweep(dataset: Path, **changes: Any) -> Sweep:
    """Settings of a sweep over a preset of pairs."""
    config = trial_config(load_preset(DEFAULT))
    sweep = Sweep(
        preset=DEFAULT,
        config=replace(config, data=replace(config.data, path=dataset)),
        asked={},
        space="mine",
        **written(SPACE),
        metric="eval/psnr",
        num_trials=len(ENDS) + 2,
        num_reports=4,
        reduction_factor=2,
        ranks_per_trial=1,
        resources=Resources(cpus_per_rank=1, gpus_per_rank=0, max_concurrent=2),
        seed=0,
        command=["diptych", "sweep"],
        folder=Path("/somewhere"),
    )
    return replace(sweep, **changes)


def write_run(folder: SweepDir, trial: str, lines: list[Mapping[str, float]], *, sweep: Sweep, began: str) -> None:
    """A trial's run: `began` at a time of day, with these lines of metrics."""
    run = folder.run(trial)
    other = next(folder.trials.glob("*/run.json"), None)
    if other is None:
        run.create(sweep.config, preset=sweep.preset, command=[])
        other = run.run_file
    run.samples.mkdir(parents=True, exist_ok=True)
    record = json.loads(other.read_text()) | {"started": f"2026-11-29T{began}+00:00"}
    run.run_file.write_text(json.dumps(record))
    run.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def line(position: int, time_s: float, psnr: float | None = None) -> dict[str, float]:
    """A line of metrics: scores, or a loss."""
    score = {"loss/generator": 1.0} if psnr is None else {"eval/psnr": psnr, "baseline/mean/psnr": 17.0}
    return {"position": position, "kimg": position / 1000, "time_s": time_s, **score}


def write_sweep(path: Path, dataset: Path, **changes: Any) -> tuple[SweepDir, Sweep, list[TrialRow]]:
    """Eight trials, better the nearer the weight is to 100, of which four stopped early; one diverged, one failed."""
    folder, sweep = SweepDir(path), make_sweep(dataset, **changes)
    folder.create(sweep)
    records = {}
    for number, end in enumerate(ENDS):
        overrides = _overrides(number)
        best = 24 - 4 * abs(math.log10(overrides["method.weight_l1"]) - 2)
        reports = [line(at, at / 50, best - 500 / at) for at in range(PERIOD, end + 1, PERIOD)]
        write_run(folder, f"{number:03d}", [line(4, 0.1), *reports], sweep=sweep, began=f"10:00:{number:02d}")
        for at in (4, *range(PERIOD, end + 1, PERIOD)):
            _draw(folder, f"{number:03d}", at, shade=number / len(ENDS))
        scores = {"eval/psnr": best - 500 / end, "baseline/mean/psnr": 17.0}
        state = "finished" if end == sweep.total else "stopped early"
        records[f"{number:03d}"] = Record(state=state, position=end, scores=scores, overrides=overrides)
    lost = len(ENDS)
    records[f"{lost:03d}"] = Record(state="diverged", position=PERIOD, overrides=_overrides(lost))
    records[f"{lost + 1:03d}"] = Record(state="failed", error="no <space> left", overrides=_overrides(lost + 1))
    for trial, record in records.items():
        write_record(folder, trial, record)
    return folder, sweep, rows_on_record(read_records(folder, sweep), sweep)


def _overrides(number: int) -> dict[str, Any]:
    network = {"method.generator.architecture": "resnet"}
    if number % 3:
        network = {"method.generator.architecture": "unet", "method.generator.skips": ("add", "none")[number % 2]}
    return {"method.weight_l1": 10 ** (1 + number / 5), **network}


def _draw(folder: SweepDir, trial: str, position: int, *, shade: float) -> None:
    shared = torch.linspace(-1, 1, 128 * 128).reshape(1, 1, 128, 128).expand(2, 3, 128, 128)
    own = torch.full_like(shared, shade * position / 2000)
    grid = sample_grid({"input": shared, "translation": own, "target": -shared})
    save_picture(folder.run(trial).sample_file(position), grid)

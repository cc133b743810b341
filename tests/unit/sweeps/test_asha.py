"""ASHA stops what falls behind, in a resumed sweep too."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from sweeps.cli import SweepOptions, make_sweep
from sweeps.plan import Resources, SweepDir
from sweeps.spaces.overrides import apply
from sweeps.tune.asha import RememberingAsha
from trainer.presets import DEFAULT, load_preset

CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP


def scheduler(folder: SweepDir, *, ended: Sequence[str] = ()) -> RememberingAsha:
    """800 images in 8 reports: rungs at 100, 200, 400 and 800."""
    options = SweepOptions(config=apply(load_preset(DEFAULT), {"train.total_kimg": 0.8}))
    resources = Resources(cpus_per_rank=1, gpus_per_rank=0, max_concurrent=1)
    asha = RememberingAsha(folder, make_sweep(options, preset=DEFAULT, name="test", resources=resources), ended=ended)
    asha.set_search_properties("eval/psnr", "max")
    return asha


def add(asha: ASHAScheduler, name: str) -> Trial:
    trial = Trial("test", config={"trial": {"name": name}}, stub=True)
    asha.on_trial_add(None, trial)  # pyright: ignore[reportArgumentType]  it does not look at the controller
    return trial


def report(asha: ASHAScheduler, trial: Trial, *, position: int, score: float) -> str:
    return asha.on_trial_result(None, trial, {"position": position, "eval/psnr": score})  # pyright: ignore


def record(folder: SweepDir, name: str, scores: dict[int, float]) -> None:
    """Lines of losses between those of scores, as a run has them."""
    lines = []
    for position, score in scores.items():
        lines += [{"position": position - 1, "loss/generator/l1": 1.0}, {"position": position, "eval/psnr": score}]
    run = folder.run(name)
    run.path.mkdir(parents=True)
    run.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_worse_half_is_stopped_at_each_rung(tmp_path: Path) -> None:
    asha = scheduler(SweepDir(tmp_path))
    first, worse, better = (add(asha, name) for name in ("first", "worse", "better"))
    assert report(asha, first, position=100, score=15.0) == CONTINUE
    assert report(asha, worse, position=100, score=14.0) == STOP
    assert report(asha, better, position=104, score=16.0) == CONTINUE  # a rung may be passed by part of a batch
    assert report(asha, first, position=200, score=16.0) == CONTINUE
    assert report(asha, better, position=200, score=15.5) == STOP
    assert report(asha, first, position=300, score=1.0) == CONTINUE  # between rungs
    assert report(asha, first, position=800, score=17.0) == STOP  # at the end


@pytest.mark.parametrize("starts_again", [True, False])
def test_a_resumed_sweep_remembers_what_its_trials_reached(tmp_path: Path, starts_again: bool) -> None:
    folder = SweepDir(tmp_path)
    record(folder, "done", {100: 15.0, 200: 16.0, 400: 17.0, 800: 18.0})
    asha = scheduler(folder, ended=[] if starts_again else ["done"])
    if starts_again:
        add(asha, "done")
    late = add(asha, "late")
    assert report(asha, late, position=100, score=14.0) == STOP


@pytest.mark.parametrize("score", [15.0, 17.0])
def test_a_restarted_trial_is_not_judged_twice_at_one_rung(tmp_path: Path, score: float) -> None:
    folder = SweepDir(tmp_path)
    asha = scheduler(folder)
    trial = add(asha, "restarted")
    assert report(asha, trial, position=100, score=16.0) == CONTINUE
    record(folder, "restarted", {100: 16.0})
    asha.on_trial_add(None, trial)  # pyright: ignore[reportArgumentType]  as Tune does after a failure
    assert report(asha, trial, position=100, score=score) == CONTINUE


def test_rungs_are_not_beyond_a_very_short_trial(tmp_path: Path) -> None:
    options = SweepOptions(config=apply(load_preset(DEFAULT), {"train.total_kimg": 0.001}))
    resources = Resources(cpus_per_rank=1, gpus_per_rank=0, max_concurrent=1)
    sweep = make_sweep(options, preset=DEFAULT, name="test", resources=resources)
    RememberingAsha(SweepDir(tmp_path), replace(sweep, num_reports=8))

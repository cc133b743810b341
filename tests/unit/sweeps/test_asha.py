"""ASHA stops what falls behind, in a resumed sweep too."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from benchmarks.search import search
from sweeps.cli import SweepOptions, make_sweep
from sweeps.plan import Sweep, SweepDir
from sweeps.resources import Resources
from sweeps.spaces.catalogue import FIXED
from sweeps.spaces.overrides import apply
from sweeps.tune.asha import RememberingAsha, rungs
from sweeps.tune.run import tune_config
from sweeps.tune.trial import report_on_record, reported
from tests.scores import ABSOLUTE_ERROR
from trainer.evaluation.scores import SCORES
from trainer.presets import DEFAULT, load_preset

CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP


def small_sweep(*, metric: str = "eval/psnr") -> Sweep:
    """800 images in 8 reports: rungs at 100, 200, 400 and 800."""
    options = SweepOptions(
        config=apply(load_preset(DEFAULT), {"train.total_kimg": 0.8}),
        space="l1-skips",
        num_trials=4,
        metric=metric,
        name="test",
    )
    resources = Resources(cpus_per_rank=1, gpus_per_rank=0, max_concurrent=1)
    return make_sweep(options, FIXED["l1-skips"], preset=DEFAULT, asked={}, resources=resources)


def scheduler(folder: SweepDir, *, ended: Sequence[str] = (), metric: str = "eval/psnr") -> RememberingAsha:
    sweep = small_sweep(metric=metric)
    asha = RememberingAsha(folder, sweep, ended=ended)
    asha.set_search_properties(sweep.metric, sweep.score.mode)
    return asha


def add(asha: ASHAScheduler, name: str) -> Trial:
    trial = Trial("test", config={"trial": {"name": name}}, stub=True)
    asha.on_trial_add(None, trial)  # pyright: ignore[reportArgumentType]  it does not look at the controller
    return trial


def report(asha: ASHAScheduler, trial: Trial, *, position: int, score: float, metric: str = "eval/psnr") -> str:
    return asha.on_trial_result(None, trial, {"position": position, metric: score})  # pyright: ignore


def record(folder: SweepDir, name: str, scores: dict[int, float], *, metric: str = "eval/psnr") -> None:
    """Lines of losses between those of scores, as a run has them."""
    lines = []
    for position, score in scores.items():
        lines += [{"position": position - 1, "loss/generator/l1": 1.0}, {"position": position, metric: score}]
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


def test_of_a_score_of_which_less_is_better_the_larger_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCORES, ABSOLUTE_ERROR.name, ABSOLUTE_ERROR)
    folder = SweepDir(tmp_path)
    record(folder, "done", {100: 15.0, 200: 14.0}, metric="eval/absolute_error")
    asha = scheduler(folder, ended=["done"], metric="eval/absolute_error")
    late, diverged = add(asha, "late"), add(asha, "diverged")
    better = add(asha, "better")
    assert report(asha, late, position=100, score=16.0, metric="eval/absolute_error") == STOP
    assert report(asha, better, position=100, score=14.0, metric="eval/absolute_error") == CONTINUE
    worst = ABSOLUTE_ERROR.worst
    assert report(asha, diverged, position=100, score=worst, metric="eval/absolute_error") == STOP
    assert report(asha, better, position=200, score=13.0, metric="eval/absolute_error") == CONTINUE


@pytest.mark.parametrize(("metric", "mode"), [("eval/psnr", "max"), ("eval/absolute_error", "min")])
def test_tune_is_told_the_direction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str, mode: str) -> None:
    """Of the whole search: Tune hands it on to the scheduler."""
    monkeypatch.setitem(SCORES, ABSOLUTE_ERROR.name, ABSOLUTE_ERROR)
    sweep = small_sweep(metric=metric)
    assert tune_config(SweepDir(tmp_path), sweep, {}).mode == mode


@pytest.mark.parametrize(("metric", "worst"), [("eval/psnr", -math.inf), ("eval/absolute_error", math.inf)])
def test_a_diverged_trial_is_behind_all_others(monkeypatch: pytest.MonkeyPatch, metric: str, worst: float) -> None:
    monkeypatch.setitem(SCORES, ABSOLUTE_ERROR.name, ABSOLUTE_ERROR)
    told = reported({"position": 100, "diverged": True}, small_sweep(metric=metric))
    assert told == {"position": 100, "diverged": True, "done": True, metric: worst}
    finite = {"position": 100, metric: 1.0}
    assert reported(finite, small_sweep(metric=metric)) == finite


def test_rungs_are_not_beyond_a_very_short_trial(tmp_path: Path) -> None:
    sweep = replace(small_sweep(), config=apply(load_preset(DEFAULT), {"train.total_kimg": 0.001}))
    RememberingAsha(SweepDir(tmp_path), replace(sweep, num_reports=8))


@pytest.mark.parametrize(
    ("make", "begun", "found"),
    [
        (FIFOScheduler, 4, 1),
        (lambda: ASHAScheduler(**rungs(small_sweep(), reduction_factor=2)), 18, 4),
    ],
    ids=["random", "asha"],
)
def test_a_replayed_search_spends_its_budget(make: Callable[[], TrialScheduler], begun: int, found: float) -> None:
    """Of four whole trials: a good one comes first, then each is worse than the one before, and the best comes last."""
    curves = [[(position, float(score)) for position in range(100, 900, 100)] for score in (1, *range(-1, -17, -1), 4)]
    assert search(curves, make(), small_sweep(), budget=4 * 800) == (begun, found)


def test_a_report_that_was_lost_is_read_again(tmp_path: Path) -> None:
    """A rank died between saving and reporting: in a population the trial must not go further than the others."""
    folder, sweep = SweepDir(tmp_path), replace(small_sweep(), algorithm="pbt")
    record(folder, "saved", {100: 15.0, 200: 16.0})
    found = report_on_record(folder.run("saved"), 200, sweep)
    assert found == {"position": 200, "eval/psnr": 16.0}
    assert reported(found, sweep) == {**found, "done": True}
    assert report_on_record(folder.run("saved"), 300, sweep) == {"position": 300, "eval/psnr": -math.inf}

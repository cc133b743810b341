"""Proposals that follow what has been good, and their names, scores and records as Tune sees them."""

from dataclasses import replace
from math import inf, log10
from pathlib import Path

import pytest
from ray.tune.search import Searcher

from sweeps.plan import SweepDir, written
from sweeps.records import Record, read_records, write_record
from sweeps.search.tpe import Tpe, scores_of
from sweeps.spaces.space import Space, draw
from sweeps.tune.tpe import TpeSearcher
from tests.unit.sweeps.test_asha import small_sweep
from trainer.config.domains import Choice, LogUniform
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset

CONFIG = load_preset(DEFAULT)
SPACE = Space(
    {
        "method.generator.skips": Choice("concatenate", "add", "none"),
        "method.weight_l1": LogUniform(1, 10_000),
        "method.generator.architecture": Choice("unet", "resnet"),
    },
    {"method.generator.skips": {"method.generator.architecture": ("unet",)}},
)
SWEEP = replace(small_sweep(), algorithm="tpe", num_trials=6, **written(SPACE))


def score(overrides: dict) -> float:
    """Best at a weight of 30 with added skips."""
    return -abs(log10(overrides["method.weight_l1"] / 30)) + (overrides.get("method.generator.skips") == "add")


def test_proposals_are_better_than_even_draws() -> None:
    """Mean of the last 20 of 40, against 40 of a Latin hypercube: the random of which the search begins with."""
    for seed in range(3):
        tpe = Tpe(SPACE, CONFIG, modes=["max"], num_trials=40, seed=seed)
        found = []
        for number in range(40):
            overrides = tpe.ask(str(number))
            assert SPACE.active(overrides) == overrides
            assert all(value in SPACE.domains[path] for path, value in overrides.items())
            found.append(score(overrides))
            tpe.tell(str(number), [found[-1]])
        even = [score(overrides) for overrides in draw(SPACE, num=40, seed=seed)]
        assert sum(found[20:]) / 20 > sum(even) / 40 + 0.5


def test_less_can_be_better_and_diverged_trials_are_worst() -> None:
    """The best weight is 10, and above 100 nothing is learnt: half of all draws."""
    tpe = Tpe(SPACE, CONFIG, modes=["min"], num_trials=40, seed=0)
    weights = []
    for number in range(40):
        weight = tpe.ask(str(number))["method.weight_l1"]
        weights.append(weight)
        tpe.tell(str(number), None if weight > 100 else [abs(log10(weight / 10))], is_bad=weight > 100)
    assert sum(weight > 100 for weight in weights[20:]) <= 2
    assert sum(3 < weight < 30 for weight in weights[20:]) >= 8


def test_of_two_scores_proposals_lie_between_the_best_of_each() -> None:
    """One is best at 30, the other at 3: none beats what lies between, a quarter of all draws. Above 1000 is nothing,
    and the first trials are all of that kind."""
    tpe = Tpe(SPACE, CONFIG, modes=["max", "min"], num_trials=40, seed=0)
    for weight in (2000.0, 3000.0, 4000.0):
        overrides = {"method.generator.architecture": "resnet", "method.weight_l1": weight}
        tpe.know(overrides, None, is_bad=True)
    weights = []
    for number in range(40):
        weight = tpe.ask(str(number))["method.weight_l1"]
        weights.append(weight)
        scores = [-abs(log10(weight / 30)), abs(log10(weight / 3))]
        tpe.tell(str(number), None if weight > 1000 else scores, is_bad=weight > 1000)
    assert sum(weight > 1000 for weight in weights[20:]) <= 2
    assert sum(3 <= weight <= 30 for weight in weights[20:]) >= 10


def test_a_trial_that_lacks_one_of_two_scores_says_nothing() -> None:
    assert scores_of({"eval/psnr": 20.0, "eval/ssim": 0.5}, ["eval/psnr", "eval/ssim"]) == [20.0, 0.5]
    assert scores_of({"eval/psnr": 20.0}, ["eval/psnr", "eval/ssim"]) is None
    assert scores_of({"eval/psnr": -inf, "eval/ssim": 0.5, "diverged": True}, ["eval/psnr", "eval/ssim"]) is None


def test_what_cannot_be_is_not_proposed() -> None:
    space = Space({"method.generator.num_downs": Choice(5, 12), "method.weight_l1": LogUniform(1, 10)})
    tpe = Tpe(space, CONFIG, modes=["max"], num_trials=9, seed=0)
    assert {tpe.ask(str(number))["method.generator.num_downs"] for number in range(9)} == {5}
    with pytest.raises(ConfigError, match="100 draws were all impossible"):
        Tpe(Space({"method.generator.num_downs": Choice(11, 12)}), CONFIG, modes=["max"], num_trials=3, seed=0).ask("0")


@pytest.fixture
def folder(tmp_path: Path) -> SweepDir:
    folder = SweepDir(tmp_path / "sweep")
    folder.create(SWEEP)
    return folder


def test_a_proposal_is_on_record_before_its_trial_begins(folder: SweepDir) -> None:
    searcher = TpeSearcher(folder, SWEEP, read_records(folder, SWEEP))
    first, second = (searcher.suggest(trial) for trial in ("x", "y"))
    assert first == {
        "trial": {
            "name": "000",
            "overrides": {
                "method.generator.skips": "concatenate",
                "method.weight_l1": 100.0,
                "method.generator.architecture": "unet",
            },
            "position": 0,
        }
    }
    assert isinstance(second, dict)
    assert read_records(folder, SWEEP)["001"].overrides == second["trial"]["overrides"]
    assert read_records(folder, SWEEP)["002"].overrides is None


def test_a_search_goes_on_with_the_trials_that_were_begun(folder: SweepDir) -> None:
    begun = {"method.generator.architecture": "resnet", "method.weight_l1": 7.0}
    first = [TpeSearcher(folder, SWEEP, read_records(folder, SWEEP)).suggest(str(number)) for number in range(3)]
    write_record(folder, "000", Record(state="finished", position=800, scores={"eval/psnr": 20.0}, overrides=begun))
    write_record(folder, "002", Record(state="training", position=300, overrides=begun))
    searcher = TpeSearcher(folder, SWEEP, read_records(folder, SWEEP))
    given = [searcher.suggest(str(number)) for number in range(5)]
    assert [trial["trial"]["name"] for trial in given if isinstance(trial, dict)] == ["001", "002", "003", "004", "005"]
    resumed = given[1]
    assert isinstance(resumed, dict)
    drawn = [trial["trial"]["overrides"] for trial in given if isinstance(trial, dict)]
    assert drawn[2] not in [trial["trial"]["overrides"] for trial in first if isinstance(trial, dict)]
    assert resumed["trial"] == {"name": "002", "overrides": begun, "position": 300}
    for number in range(5):
        searcher.on_trial_complete(str(number), {"position": 800, "eval/psnr": 15.0 + number})
    assert searcher.suggest("more") == Searcher.FINISHED

"""Decisions of population-based training: who takes over from whom, and that values stay where they may be."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sweeps.cli import SweepOptions, plan_options
from sweeps.population import Exploit, Population
from sweeps.search.pbt import decide, explore, num_in_quantile, perturb
from sweeps.spaces.on_the_way import check_on_the_way, space_on_the_way
from sweeps.spaces.space import Space
from trainer.config.domains import Choice, Domain, Integers, LogUniform, Uniform
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset

CONFIG = load_preset(DEFAULT)
RATE, WEIGHT = "optimizer.lr", "method.weight_l1"
SPACE = Space({RATE: LogUniform(1e-5, 1e-3), WEIGHT: LogUniform(10, 1000)})
VALUES = {f"{number:03d}": {RATE: 1e-4, WEIGHT: 20.0 + number} for number in range(8)}


def decided(gains: dict[str, float | None], **changes: Any) -> list[Exploit]:
    settings: dict[str, Any] = {"position": 100, "quantile": 0.25, "resample": 0.0, "seed": 0} | changes
    return decide(gains, VALUES, SPACE, CONFIG, **settings)


def test_the_worst_quarter_takes_over_from_the_best_quarter() -> None:
    gains: dict[str, float | None] = {name: -float(name) for name in VALUES}
    exploits = decided(gains)
    assert [exploit.trial for exploit in exploits] == ["006", "007"]
    assert {exploit.donor for exploit in exploits} <= {"000", "001"}
    for exploit in exploits:
        factors = [exploit.values[path] / VALUES[exploit.donor][path] for path in SPACE.domains]
        assert all(factor == pytest.approx(0.8, 1e-2) or factor == pytest.approx(1.2, 1e-2) for factor in factors)
    donors = {exploit.donor for seed in range(8) for exploit in decided(gains, seed=seed)}
    assert donors == {"000", "001"}


def test_a_decision_is_the_same_whenever_it_is_made_and_another_at_another_position() -> None:
    gains: dict[str, float | None] = {name: float(name) for name in VALUES}
    assert decided(gains) == decided(dict(reversed(gains.items())))
    assert [exploit.values for exploit in decided(gains)] != [
        exploit.values for exploit in decided(gains, position=200)
    ]


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ({"000": 1.0, "001": 2.0, "002": 3.0, "003": 4.0}, {"000": "003"}),
        ({"000": 1.0, "001": 2.0}, {"000": "001"}),
        ({"000": 1.0}, {}),
        ({"000": None, "001": None}, {}),
        ({"000": 5.0, "001": 5.0}, {}),  # as good
        ({"000": 1.0, "001": 2.0, "002": 3.0, "003": None}, {"003": "002"}),  # in place of the worst
        ({"000": 1.0, "001": None, "002": None, "003": None}, {"001": "000", "002": "000", "003": "000"}),
    ],
)
def test_those_without_weights_come_first(gains: dict[str, float | None], expected: dict[str, str]) -> None:
    assert {exploit.trial: exploit.donor for exploit in decided(gains)} == expected


def test_no_trial_gives_and_takes() -> None:
    assert [num_in_quantile(num, 0.5) for num in (1, 2, 3, 4, 9)] == [0, 1, 1, 2, 4]
    assert [num_in_quantile(num, 0.25) for num in (2, 4, 8, 100)] == [1, 1, 2, 25]
    assert num_in_quantile(10, 0.01) == 1


@pytest.mark.parametrize(
    "domain",
    [
        LogUniform(10, 1000),
        Uniform(-1, 1),
        Integers(1, 6),
        Choice("constant", "linear", "cosine"),
        Choice(0.0, 0.5, 0.9),
    ],
    ids=repr,
)
@pytest.mark.parametrize("resample", [0.0, 0.25, 1.0])
def test_values_stay_in_their_range_however_often_they_are_perturbed(domain: Domain, resample: float) -> None:
    random = np.random.default_rng(0)
    seen = [domain.at(0.5)]
    for _ in range(300):
        seen.append(perturb(domain, seen[-1], random, resample=resample))
    assert all(value in domain for value in seen)
    if not isinstance(domain, Uniform) or resample:  # 0 times anything is 0
        assert len({repr(value) for value in seen}) >= 3


def test_values_at_the_end_of_a_range_are_clipped() -> None:
    random = np.random.default_rng(1)
    ends = {perturb(LogUniform(10, 1000), 1000.0, random, resample=0) for _ in range(20)}
    assert ends == {800.0, 1000.0}
    assert {perturb(Integers(1, 6), 1, random, resample=0) for _ in range(20)} == {1, 2}
    assert {perturb(Choice("a", "b", "c"), "a", random, resample=0) for _ in range(20)} == {"a", "b"}


def test_what_has_no_effect_beside_the_others_is_left_out() -> None:
    space = Space(
        {"optimizer.schedule": Choice("step", "constant"), "optimizer.decay_factor": Uniform(0.1, 0.9)},
        {"optimizer.decay_factor": {"optimizer.schedule": ("step",)}},
    )
    found = [
        explore({"optimizer.schedule": "constant"}, space, np.random.default_rng(seed), resample=0.0)
        for seed in range(8)
    ]
    assert {"optimizer.schedule": "constant"} in found
    begun = [values for values in found if values["optimizer.schedule"] == "step"]
    assert begun
    assert all(0.1 <= values["optimizer.decay_factor"] <= 0.9 for values in begun)


def test_a_schedule_follows_the_weights_through_all_that_had_them() -> None:
    planned = {name: {RATE: rate} for name, rate in {"000": 1.0, "001": 2.0, "002": 3.0}.items()}
    taken = [(100, "001", "000", 1.2), (200, "000", "002", 3.6), (200, "001", "002", 2.4), (300, "002", "001", 2.0)]
    exploits = [
        Exploit(position=position, trial=trial, donor=donor, values={RATE: rate})
        for position, trial, donor, rate in taken
    ]
    population = Population(decided=300, exploits=exploits)
    assert population.schedule("002", planned) == [(0, {RATE: 3.0}), (200, {RATE: 2.4}), (300, {RATE: 2.0})]
    assert population.schedule("000", planned) == [(0, {RATE: 3.0}), (200, {RATE: 3.6})]
    assert population.values(planned) == {"000": {RATE: 3.6}, "001": {RATE: 2.4}, "002": {RATE: 2.0}}
    assert population.newest == exploits[-1:]


def test_weights_and_rates_of_a_preset_can_change_on_the_way_and_nothing_else() -> None:
    space = space_on_the_way(CONFIG)
    assert list(space.domains) == ["method.weight_gan", WEIGHT, RATE, "optimizer.discriminator_lr_factor"]
    check_on_the_way(space, CONFIG)
    check_on_the_way(Space({"engine.gradient_clipping": Uniform(1, 5)}), CONFIG)
    for path in ("method.generator.skips", "optimizer.beta1", "data.flip", "train.batch_size_per_gpu"):
        with pytest.raises(ConfigError, match=rf"^space = '{path}': is decided at .*{WEIGHT}, {RATE}.*--algorithm tpe"):
            check_on_the_way(Space({path: Choice(1, 2)}), CONFIG)
    with pytest.raises(ConfigError, match=rf"^space = '{WEIGHT}': holds 0, which switches"):
        check_on_the_way(Space({WEIGHT: Uniform(0, 100)}), CONFIG)


@pytest.mark.parametrize("preset", ["glyphs-vaegan", "papers-caae-utkface", "unpaired-discogan", "unpaired-dualgan"])
def test_other_methods_have_what_can_change_too(preset: str) -> None:
    config = load_preset(preset)
    space = space_on_the_way(config)
    assert {"optimizer.lr", "optimizer.discriminator_lr_factor"} < space.domains.keys()
    check_on_the_way(space, config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "l1-skips"}, "space = 'method.generator.skips': is decided at a run's beginning"),
        ({"num_trials": 1}, "num_trials = 1: pbt compares trials; use 2 or more"),
        ({"second_metric": "eval/ssim"}, "second_metric = 'eval/ssim': pbt replaces trials .*--algorithm random, grid"),
    ],
)
def test_what_pbt_cannot_do_is_named_before_anything_begins(changes: dict[str, Any], message: str) -> None:
    options = replace(SweepOptions(config=CONFIG, algorithm="pbt"), **changes)
    with pytest.raises(ConfigError, match=message):
        plan_options(DEFAULT, options, asked={})

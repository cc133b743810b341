import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from trainer.study.answers import Answer, Part
from trainer.study.simulation import Crowd, simulate
from trainer.study.statistics.bootstrap import resample, share_above, superiority
from trainer.study.statistics.counts import count, means
from trainer.study.statistics.estimates import Estimate, estimate_all, exact_interval
from trainer.study.statistics.precision import expected_spread, participants_for


def answer(
    participant: str, method: str, value: float, *, part: Part = "counted", trial: int = 0, image: str = "0"
) -> Answer:
    return Answer(
        participant=participant,
        protocol="real-or-fake",
        part=part,
        trial=trial,
        method=method,
        image=image,
        value=value,
    )


def estimates(answers: list[Answer], *, num: int = 2000, seed: int = 0) -> dict[str, Estimate]:
    counts = count(answers)
    return {found.thing[0]: found for found in estimate_all(counts, resample(counts, num=num, seed=seed))}


def test_counts_are_by_participant_method_and_value_and_practice_has_no_weight() -> None:
    answers = [answer("p", "a", 1), answer("p", "a", 0), answer("q", "b", 1), answer("q", "b", 0, part="practice")]
    counts = count([*answers, answer("q", "b", 0, part="attention")])
    assert (counts.participants, counts.things) == (("p", "q"), (("a",), ("b",)))
    assert counts.numbers.tolist() == [[[1, 1], [0, 0]], [[0, 0], [0, 1]]]
    assert means(counts.totals).tolist() == [0.5, 1.0]


@pytest.mark.parametrize(("value", "rival"), [(0.5, None), (2, None), (-1, None), (1, "b"), (1, "a")])
def test_an_impossible_answer_is_named(value: float, rival: str | None) -> None:
    one = Answer(
        participant="me",
        protocol="real-or-fake",
        part="counted",
        trial=7,
        method="a",
        rival=rival,
        image="0",
        value=value,
    )
    with pytest.raises(ValueError, match="'me', trial 7"):
        count([one])


def test_answers_of_no_protocol_are_not_counted() -> None:
    with pytest.raises(ValueError, match="one protocol"):
        count([answer("p", "a", 1, part="practice")])


def trial_by_trial(trials: list[list[int]], *, num: int) -> np.ndarray:
    """The bootstrap as it is defined: people, then the trials of each, one by one."""
    random = np.random.default_rng(1)
    found = []
    for _ in range(num):
        people = random.integers(len(trials), size=len(trials))
        found.append(np.concatenate([random.choice(trials[person], len(trials[person])) for person in people]).mean())
    return np.array(found)


def test_resamples_are_distributed_as_if_drawn_trial_by_trial() -> None:
    trials = [[1] * 9 + [0], [1] * 2 + [0] * 10, [0] * 20, [1, 0] * 4, [1, 0, 0] * 5]
    answers = [answer(f"p{person}", "a", value) for person, own in enumerate(trials) for value in own]
    ours = means(resample(count(answers), num=20_000))[:, 0]
    slow = trial_by_trial(trials, num=2000)
    quantiles = [0.025, 0.25, 0.5, 0.75, 0.975]
    assert np.allclose(ours.mean(), slow.mean(), atol=0.01)
    assert np.allclose(ours.std(), slow.std(), rtol=0.06)
    assert np.allclose(np.quantile(ours, quantiles), np.quantile(slow, quantiles), atol=0.02)


def test_people_alone_give_the_error_of_a_mean_and_their_trials_add_to_it() -> None:
    alike = [answer(f"p{person}", "a", float(person < 3)) for person in range(12) for _ in range(40)]
    of_people = np.sqrt(0.25 * 0.75 / 12)  # each answers always the same, so that trials add nothing
    assert estimates(alike, num=8000)["a"].error == pytest.approx(of_people, rel=0.03)
    half = [answer(f"p{person}", "a", trial % 2) for person in range(12) for trial in range(40)]
    assert estimates(half, num=8000)["a"].error == pytest.approx(np.sqrt(0.25 / 480), rel=0.03)


def test_of_methods_that_have_their_own_people_as_many_are_drawn_as_there_were() -> None:
    answers = simulate(
        "real-or-fake", {"a": (0.7, 0.3), "b": (0.6, 0.4)}, crowd=Crowd(num_participants=6, num_trials=9)
    )
    assert (resample(count(answers), num=50).sum(axis=2) == 27).all()
    mixed = [answer(name, method, trial % 2) for name in "pqr" for method in "ab" for trial in range(5)]
    mixed.append(answer("s", "a", 1))
    drawn = resample(count(mixed), num=500).sum(axis=2)
    assert drawn[:, 1].min() < 15 < drawn[:, 1].max()


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    counts = count(simulate("realness", {"a": (0.2,) * 5}, crowd=Crowd(num_participants=5, num_trials=10)))
    first, same, other = (resample(counts, num=100, seed=seed) for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any()


def test_better_is_counted_over_resamples_and_ties_are_halves() -> None:
    two = np.array([[[1, 1], [2, 2]], [[1, 3], [2, 2]], [[4, 0], [1, 1]], [[0, 1], [1, 1]], [[0, 0], [1, 1]]])
    assert superiority(two).tolist() == [[0.5, 0.625], [0.375, 0.5]]
    assert share_above(np.array([0.4, 0.5, 0.6, 0.7, np.nan]), 0.5) == 0.625
    assert np.isnan(share_above(np.array([np.nan]), 0.5))


def test_one_participant_gives_a_mean_and_no_error() -> None:
    found = estimates([answer("p", "a", trial % 2) for trial in range(40)])["a"]
    assert (found.mean, found.num_answers, found.num_participants) == (0.5, 40, 1)
    assert (found.error, found.low, found.high, found.chance, found.needed) == (None, None, None, None, ())


def test_where_nobody_was_fooled_the_interval_is_the_exact_one() -> None:
    found = estimates([answer(name, "a", 0) for name in "pq" for _ in range(50)])["a"]
    assert (found.mean, found.error, found.low, found.is_uniform) == (0.0, None, 0.0, True)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert exact_interval(50, 50) == pytest.approx((0.025 ** (1 / 50), 1.0))


def test_the_test_against_chance_is_over_participants() -> None:
    # Means 0.4, 0.2, 0.6, 0.2: mean 0.35, standard deviation 0.19149; t = -0.15 / (0.19149 / 2) = -1.5667, 3 degrees.
    rates = {"p": 2, "q": 1, "r": 3, "s": 1}
    answers = [answer(name, "a", float(trial < wins)) for name, wins in rates.items() for trial in range(5)]
    found = estimates(answers)["a"].chance
    assert found == pytest.approx(0.2152, abs=1e-4)
    assert found == pytest.approx(float(ttest_1samp([0.4, 0.2, 0.6, 0.2], 0.5)[1]))


@pytest.mark.parametrize("wins", [0, 1, 37, 100])
def test_the_exact_interval_is_that_of_clopper_and_pearson(wins: int) -> None:
    found = binomtest(wins, 100).proportion_ci(0.95, method="exact")
    assert exact_interval(wins, 100) == pytest.approx((found.low, found.high))


def test_precision_is_arithmetic() -> None:
    assert participants_for(0.05, spread=0.2) == 62  # (1.96 * 0.2 / 0.05)^2 = 61.5
    assert participants_for(10.0, spread=0.2) == 2
    assert expected_spread(0.3, between=0.1, num_trials=40) == pytest.approx(np.sqrt(0.01 + 0.2 / 40))
    assert expected_spread(0.3, between=0.0, num_trials=1) == pytest.approx(np.sqrt(0.21))


def test_a_study_of_the_foretold_size_is_as_precise_as_wanted() -> None:
    between = np.sqrt(0.3 * 0.7 / 21)
    number = participants_for(0.05, spread=expected_spread(0.3, between=between, num_trials=40))
    crowd = Crowd(num_participants=number, num_trials=40, agreement=20)
    found = [count(simulate("real-or-fake", {"a": (0.7, 0.3)}, crowd=crowd, seed=seed)) for seed in range(40)]
    inside = [abs(float(means(counts.totals)[0]) - 0.3) <= 0.05 for counts in found]
    assert np.mean(inside) >= 0.88  # 0.95 of many


def covered(truth: dict[str, float], found: dict[str, Estimate]) -> list[bool]:
    return [
        found[name].low <= mean <= found[name].high  # pyright: ignore[reportOptionalOperand]
        for name, mean in truth.items()
    ]


@pytest.mark.parametrize("one_method_each", [True, False])
def test_intervals_of_real_or_fake_hold_the_truth(one_method_each: bool) -> None:
    truth = {"a": 0.27, "b": 0.05, "c": 0.5}
    crowd = Crowd(num_participants=30, num_trials=20, one_method_each=one_method_each)
    shares = {name: (1 - rate, rate) for name, rate in truth.items()}
    runs = [estimates(simulate("real-or-fake", shares, crowd=crowd, seed=seed), num=400) for seed in range(40)]
    assert 0.91 <= np.mean([covered(truth, found) for found in runs]) <= 1.0
    errors = [found["a"].error for found in runs]
    scatter = np.std([found["a"].mean for found in runs])
    assert 0.75 < np.mean(errors) / scatter < 1.7  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_intervals_of_realness_hold_the_truth() -> None:
    shares = {"a": (0.3, 0.3, 0.2, 0.1, 0.1), "b": (0.05, 0.1, 0.2, 0.3, 0.35), "truth": (0.01, 0.02, 0.07, 0.2, 0.7)}
    truth = {name: float(np.arange(5) @ np.array(values)) for name, values in shares.items()}
    crowd = Crowd(num_participants=15, num_trials=30)
    runs = [estimates(simulate("realness", shares, crowd=crowd, seed=seed), num=400) for seed in range(40)]
    assert 0.91 <= np.mean([covered(truth, found) for found in runs]) <= 1.0

import numpy as np
import pytest

from trainer.study.simulation import Crowd, simulate
from trainer.study.statistics.bootstrap import resample
from trainer.study.statistics.counts import count
from trainer.study.statistics.strengths import log_strengths, standing, wins_of


def test_two_have_the_log_of_their_odds_between_them() -> None:
    strengths = log_strengths(np.array([[0.0, 30], [10, 0]]))
    assert strengths == pytest.approx([np.log(3) / 2, -np.log(3) / 2])


def test_ties_are_half_a_win_for_each() -> None:
    assert log_strengths(np.array([[0, 0.5], [0.5, 0]])) == pytest.approx([0, 0])
    assert log_strengths(np.array([[0, 2.5], [0.5, 0]])) == pytest.approx(log_strengths(np.array([[0.0, 5], [1, 0]])))


@pytest.mark.parametrize("scale", [1, 1e-3, 1e6])
def test_wins_in_proportion_to_strengths_give_them_back(scale: float) -> None:
    truth = np.array([1.5, 0.25, -0.5, -1.25])
    wins = scale / (1 + np.exp(truth[None, :] - truth[:, None])) * (1 - np.eye(4))
    assert log_strengths(wins) == pytest.approx(truth, abs=1e-6)


def test_lopsided_wins_settle() -> None:
    wins = np.array([[0, 100_000, 0], [1, 0, 100_000], [0, 1, 0.0]])
    assert np.diff(-log_strengths(wins)) == pytest.approx([np.log(1e5)] * 2)


def test_many_studies_at_once_are_each_as_alone() -> None:
    wins = np.random.default_rng(0).integers(0, 4, size=(30, 3, 3)) * (1.0 - np.eye(3))
    together = log_strengths(wins.reshape(5, 6, 3, 3)).reshape(30, 3)
    assert np.isnan(together).any()
    for one, found in zip(wins, together, strict=True):
        assert found == pytest.approx(log_strengths(one), nan_ok=True)


def test_who_always_wins_has_no_finite_strength_and_comes_first() -> None:
    wins = np.array([[0, 0, 0, 0], [5, 0, 3, 0], [2, 4, 0, 0], [1, 0, 2, 0.0]])
    found = standing(wins, "abcd")
    assert found.tiers == (("d",), ("b", "c"), ("a",))
    assert found.apart == (("a", "b", "c", "d"),)
    assert not found.is_estimable
    assert np.isnan(log_strengths(wins)).all()


def test_those_who_were_never_compared_are_said_to_be_apart() -> None:
    wins = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 1, 0.0]])
    found = standing(wins, "abcd")
    assert found.apart == (("a", "b"), ("c", "d"))
    assert not found.is_estimable
    assert np.isnan(log_strengths(wins)).all()


def test_a_ring_of_wins_is_enough() -> None:
    ring = np.roll(np.eye(5), 1, axis=1)
    assert standing(ring, "abcde").is_estimable
    assert log_strengths(ring) == pytest.approx([0] * 5)


def test_known_strengths_are_found_again() -> None:
    truth = {"a": 0.9, "b": 0.2, "c": -0.3, "d": -0.8}
    inside = []
    for seed in range(25):
        crowd = Crowd(num_participants=20, num_trials=30, agreement=30)
        answers = simulate("preference", {name: [value] for name, value in truth.items()}, crowd=crowd, seed=seed)
        counts = count(answers)
        found = log_strengths(wins_of(resample(counts, num=300), counts.things, list(truth)))
        low, high = np.nanquantile(found, (0.025, 0.975), axis=0)
        inside.append((low <= list(truth.values())) & (list(truth.values()) <= high))
    assert 0.9 <= np.mean(inside) <= 1.0
    assert np.mean(found, axis=0) == pytest.approx(list(truth.values()), abs=0.35)

"""How the score stands, which checkpoint is the best, and when training ends early: arithmetic alone."""

import math

import pytest

from tests.scores import ABSOLUTE_ERROR
from trainer.checkpoints.progress import Standing
from trainer.evaluation.scores import SCORES
from trainer.loop.keepers import BestCheckpoint, EarlyStop, Verdict, after_evaluation

PERIOD = 100
PSNR = [20.0, 21.0, 21.0, 20.5, 22.0, 21.9, 21.8, 21.7]


def stand(values: list[float], *, score: str = "eval/psnr") -> list[Standing]:
    """After each of these values, `PERIOD` images apart."""
    standings: list[Standing] = []
    for number, value in enumerate(values, start=1):
        before = standings[-1] if standings else None
        standings.append(after_evaluation(before, score=score, value=value, position=number * PERIOD))
    return standings


def kept(standings: list[Standing]) -> list[int]:
    return [standing.position for standing in standings if BestCheckpoint().hear(standing).keep]


def test_each_score_better_than_all_before_is_kept() -> None:
    standings = stand(PSNR)
    assert kept(standings) == [100, 200, 500]
    assert [standing.best for standing in standings] == [100, 200, 200, 200, 500, 500, 500, 500]


def test_where_less_is_better_the_least_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCORES, ABSOLUTE_ERROR.name, ABSOLUTE_ERROR)
    assert kept(stand([30.0, 31.0, 12.0, 12.0, 11.0], score="eval/absolute_error")) == [100, 300, 500]


def test_what_is_no_number_is_never_better_and_keeps_nothing() -> None:
    standings = stand([math.nan, 20.0, math.nan, math.inf, 21.0])
    assert kept(standings) == [200, 500]
    assert standings[0].best is None
    assert standings[2].best == 200


@pytest.mark.parametrize(("patience", "end"), [(100, 300), (101, 400), (200, 400), (300, 800), (301, None)])
def test_training_ends_at_the_first_evaluation_that_many_images_after_the_best(patience: int, end: int | None) -> None:
    told = [standing.position for standing in stand(PSNR) if EarlyStop(patience).hear(standing).stop]
    assert (told[0] if told else None) == end


def test_without_a_single_number_patience_counts_from_the_first_evaluation() -> None:
    told = [bool(EarlyStop(200).hear(standing).stop) for standing in stand([math.nan] * 4)]
    assert told == [False, False, True, True]


def test_the_reason_names_the_score_its_best_and_the_setting() -> None:
    verdict = EarlyStop(300).hear(stand(PSNR)[-1])
    reason = "eval/psnr has not improved on 22.00 dB of 500 images for 0.3 kimg, and train.patience_kimg is 0.3"
    assert verdict == Verdict(stop=reason)

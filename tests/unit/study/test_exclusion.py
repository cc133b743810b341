import pytest

from trainer.study.answers import Answer, Part
from trainer.study.design import Rules
from trainer.study.statistics.exclusion import choose


def answers(
    participant: str,
    values: list[float],
    *,
    part: Part = "counted",
    seconds: float | None = 1.0,
    exposures: tuple[float, ...] = (),
) -> list[Answer]:
    return [
        Answer(
            participant=participant,
            protocol="real-or-fake",
            part=part,
            trial=trial,
            method="a",
            image=str(trial),
            value=value,
            seconds=seconds,
            exposures_ms=exposures,
        )
        for trial, value in enumerate(values)
    ]


def test_practice_and_checks_do_not_count_but_checks_may_be_failed_only_so_often() -> None:
    good = (
        answers("good", [1, 0, 1])
        + answers("good", [1, 1, 0], part="attention")
        + answers("good", [0], part="practice")
    )
    bad = answers("bad", [1, 1, 1]) + answers("bad", [0, 1, 0], part="attention")
    found = choose(good + bad, rules=Rules(most_failed_checks=1))
    assert [(one.participant, one.part) for one in found.answers] == [("good", "counted")] * 3
    assert [(one.participant, one.reasons) for one in found.left_out] == [("bad", ("failed 2 of 3 attention checks",))]
    assert not choose(good + bad, rules=Rules(most_failed_checks=2)).left_out


def test_who_did_not_finish_is_left_out_where_that_is_known() -> None:
    both = answers("a", [1, 0, 1]) + answers("b", [1, 0]) + answers("c", [1], part="practice")
    found = choose(both, rules=Rules(), num_counted=3)
    assert [(one.participant, one.reasons[0]) for one in found.left_out] == [
        ("b", "answered 2 of 3 trials"),
        ("c", "answered 0 of 3 trials"),
    ]
    assert not choose(both, rules=Rules()).left_out


@pytest.mark.parametrize(("seconds", "is_left_out"), [(0.1, True), (0.15, False), (None, False)])
def test_who_is_too_fast_to_look_is_left_out_and_unknown_times_are_no_reason(
    seconds: float | None, is_left_out: bool
) -> None:
    found = choose(answers("a", [1, 0, 1], seconds=seconds), rules=Rules(least_seconds=0.15))
    assert bool(found.left_out) == is_left_out


def test_an_answer_to_an_image_that_stayed_too_long_does_not_count_but_its_participant_has_finished() -> None:
    given = answers("a", [1, 0], exposures=(1000.0, 1016.0)) + answers("a", [1], exposures=(1000.0, 1501.0))
    found = choose(given, rules=Rules(longest_exposure=1.5), num_counted=3, exposure_ms=1000)
    assert (len(found.answers), found.num_overexposed, found.left_out) == (2, 1, [])
    assert choose(given, rules=Rules(), num_counted=3).num_overexposed == 0

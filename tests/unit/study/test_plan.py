"""What participants see: nothing twice, both sides equally often, all methods, and all images."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.unit.study.studies import design
from trainer.config.errors import ConfigError
from trainer.study.answers import TRUTH
from trainer.study.design import INPUT, Design
from trainer.study.plan import Trial, plan_session, require_enough

STUDIES = {
    "real-or-fake": design(),
    "realness": design(protocol="realness", num_practice=0, num_counted=9, exposure_ms=None),
    "preference": design(protocol="preference", num_practice=0, against_truth=True, num_counted=9, exposure_ms=None),
}


def unpaired() -> Design:
    """Generated and real images of different names."""
    made = design(12, is_paired=False)
    images = {name: {"one": files["one"], "two": files["two"]} for name, files in made.images.items()}
    images |= {f"real/{name}": {TRUTH: files[TRUTH]} for name, files in made.images.items()}
    return replace(made, images=images, checks={f"real/{name}": file for name, file in made.checks.items()})


def planned(study: Design, session: int = 0) -> list[Trial]:
    return plan_session(study, session=session, method="one" if study.protocol == "real-or-fake" else None)


@pytest.mark.parametrize("study", [*STUDIES.values(), unpaired()], ids=[*STUDIES, "unpaired"])
def test_nobody_sees_an_image_twice(study: Design) -> None:
    for session in range(20):
        trials = planned(study, session)
        files = [file for trial in trials for file in trial.files]
        assert len(set(files)) == len(files)
        assert len({trial.image for trial in trials}) == len(trials) == study.num_trials


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_parts_are_as_many_as_asked_for_and_practice_comes_first(study: Design) -> None:
    parts = [trial.part for trial in planned(study)]
    assert parts[: study.num_practice] == ["practice"] * study.num_practice
    counts = {"practice": study.num_practice, "counted": study.num_counted, "attention": study.num_checks}
    assert Counter(parts) == Counter(counts)
    assert "attention" not in parts[: study.num_practice + 2]


def test_the_fake_is_on_both_sides_equally_often_and_choosing_the_other_takes_it_for_real() -> None:
    study = STUDIES["real-or-fake"]
    trials = [trial for trial in planned(study) if trial.part == "counted"]
    for trial in trials:
        fake = study.images[trial.image]["one"]
        assert set(trial.files) == {fake, study.images[trial.image][TRUTH]}
        assert trial.choices[trial.files.index(fake)] == 0
    assert Counter(trial.choices for trial in trials) == {(0.0, 1.0): 4, (1.0, 0.0): 4}


def test_of_a_pair_in_pieces_the_pieces_are_the_fake_and_the_worse() -> None:
    for name, value in (("real-or-fake", 1.0), ("preference", 0.0)):
        study = STUDIES[name]
        for trial in (trial for trial in planned(study) if trial.part == "attention"):
            side = trial.files.index(study.checks[trial.image]) - (len(trial.files) - 2)
            assert trial.choices[side] == value
            assert trial.choices[1 - side] == 1 - value


def test_grades_are_shared_out_over_all_methods_and_the_truth() -> None:
    study = STUDIES["realness"]
    trials = [trial for trial in planned(study) if trial.part == "counted"]
    assert Counter(trial.method for trial in trials) == {"one": 3, "two": 3, TRUTH: 3}
    assert all(trial.files == (study.images[trial.image][trial.method],) for trial in trials)
    assert {trial.choices for trial in trials} == {(0.0, 1.0, 2.0, 3.0, 4.0)}
    assert {trial.choices for trial in planned(study) if trial.part == "attention"} == {(1.0, 1.0, 0.0, 0.0, 0.0)}


def test_each_pair_of_methods_is_compared_beside_the_input() -> None:
    study = STUDIES["preference"]
    trials = [trial for trial in planned(study) if trial.part == "counted"]
    pairs = Counter((trial.method, trial.rival) for trial in trials)
    assert pairs == {("one", "two"): 3, ("one", TRUTH): 3, ("two", TRUTH): 3}
    for trial in trials:
        files = study.images[trial.image]
        assert trial.files[0] == files[INPUT]
        assert trial.choices[trial.files.index(files[trial.method]) - 1] == 1
    assert abs(sum(trial.choices == (1.0, 0.0) for trial in trials) - 4.5) == 0.5


def test_sessions_differ_and_each_is_planned_the_same_again() -> None:
    study = STUDIES["real-or-fake"]
    assert planned(study, 1) == planned(study, 1)
    assert planned(study, 1) != planned(study, 2)
    assert planned(study, 1) != planned(replace(study, seed=8), 1)


def test_all_images_are_shown_about_equally_often() -> None:
    study = STUDIES["real-or-fake"]
    seen = Counter(trial.image for session in range(200) for trial in planned(study, session))
    assert set(seen) == set(study.images)
    assert min(seen.values()) > 60  # of 100 expected


@pytest.mark.parametrize("study", [*STUDIES.values(), unpaired()], ids=[*STUDIES, "unpaired"])
def test_too_few_images_are_refused_with_their_number(study: Design) -> None:
    require_enough(study)
    with pytest.raises(ConfigError, match="num_counted"):
        require_enough(replace(study, num_counted=200))
    fewer = dict(list(study.images.items())[:5])
    with pytest.raises(ConfigError, match=r"there are [0-5];"):
        require_enough(replace(study, images=fewer))

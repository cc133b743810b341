import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.study.made import design_of, write_study
from trainer.config.errors import ConfigError
from trainer.reports.study_page import render_study
from trainer.study.answers import Answer
from trainer.study.report.contents import Contents, make_contents
from trainer.study.report.files import to_markdown, to_record
from trainer.study.report.tables import extremes, make_tables, summary
from trainer.study.store import read_answers

RATES = {"ours": (0.7, 0.3), "theirs": (0.9, 0.1)}


def table(contents: Contents, title: str) -> list[tuple[str, ...]]:
    (found,) = [table for table in make_tables(contents) if table.title == title]
    return [found.columns, *found.rows]


def won(method: str, rival: str, times: int, lost: int = 0) -> list[Answer]:
    return [
        Answer(
            participant=f"p{trial % 4}",
            protocol="preference",
            part="counted",
            trial=trial,
            method=method,
            rival=rival,
            image=str(trial % 8),
            value=float(trial >= lost),
        )
        for trial in range(times + lost)
    ]


def preference(*answers: Answer, methods: str = "abc") -> Contents:
    design = replace(design_of("preference", *methods), num_counted=1)
    return make_contents(design, answers, num_resamples=200)


def test_the_salt_and_the_names_of_files_stay_in_the_study(tmp_path: Path) -> None:
    design = design_of("real-or-fake", *RATES)
    contents = make_contents(design, write_study(tmp_path, design, RATES), num_resamples=100)
    told = json.dumps(to_record(contents)) + to_markdown(contents)
    assert design.salt not in told
    assert not re.search(r"[0-9a-f]{32}", told)


def test_one_participant_has_means_without_errors(tmp_path: Path) -> None:
    design = design_of("real-or-fake", "ours")
    answers = write_study(tmp_path, design, {"ours": (0.5, 0.5)}, num_participants=1)
    contents = make_contents(design, answers)
    (row,) = table(contents, "Taken for real")[1:]
    assert row[2:4] == ("-", "-")
    assert "±" not in row[1]
    assert contents.notes == ("ours: 1 participant, from whom no error and no interval follow.",)
    assert "ours: 1 participant" in render_study(contents, tmp_path)


def test_who_is_left_out_is_listed_with_the_reason() -> None:
    design = design_of("real-or-fake", "ours")
    found = [
        Answer(
            participant=name, protocol="real-or-fake", part="counted", trial=trial, method="ours", image="0", value=1.0
        )
        for name, number in (("whole", 10), ("half", 5))
        for trial in range(number)
    ]
    contents = make_contents(design, found, num_resamples=100)
    assert table(contents, "Participants left out")[1:] == [("half", "answered 5 of 10 trials")]
    assert summary(contents)[0] == "real-or-fake: 1 of 2 participants count, with 10 answers."


def test_grades_are_means_of_methods_and_of_the_truth_with_their_distribution(tmp_path: Path) -> None:
    design = design_of("realness", "ours", num_counted=20)
    truth = {"ours": (0.5, 0.5, 0, 0, 0), "truth": (0, 0, 0, 0, 1.0)}
    contents = make_contents(design, write_study(tmp_path, design, truth), num_resamples=200)
    assert table(contents, "Grades")[2] == ("truth", "0 %", "0 %", "0 %", "0 %", "100 %")
    assert table(contents, "Realness, from 0 to 4")[2][:3] == ("truth", "4.00", "-")
    assert table(contents, "P(row > column)")[1] == ("ours", "-", "0.000")
    assert any(note.startswith("truth: all answers are alike") for note in contents.notes)
    page = render_study(contents, tmp_path)
    assert "data:image/webp" in page
    assert not re.search("https?:", page)


def test_preferences_of_three_have_strengths_in_their_order(tmp_path: Path) -> None:
    design = design_of("preference", "a", "b", "c", num_counted=30)
    answers = write_study(tmp_path, design, {"a": [-1.0], "b": [0.0], "c": [1.0]}, num_participants=20)
    contents = make_contents(design, answers, num_resamples=300)
    assert [row[0] for row in table(contents, "Strengths")[1:]] == ["c", "b", "a"]
    first = {one.method: one for one in contents.strengths}["c"]
    assert first.low is not None
    assert first.low < 1.0 < (first.high or 0)
    assert table(contents, "Preferred")[1][0] == "a over b"
    assert contents.ahead[0] is not None
    assert contents.ahead[0] < 0.05


def test_two_have_no_strengths_beside_what_their_pair_tells() -> None:
    contents = preference(*won("a", "b", 6, 2), methods="ab")
    assert contents.strengths == ()
    assert contents.estimates[0].mean == 0.75


def test_strengths_that_are_not_finite_are_said_to_be_so() -> None:
    contents = preference(*won("a", "b", 8), *won("b", "c", 5, 3))
    assert [one.value for one in contents.strengths] == [None, None, None]
    assert "some lost no comparison or won none: a > b, c." in contents.notes[-1]
    assert table(contents, "Strengths")[1] == ("a", "-", "-")


def test_methods_that_were_never_compared_are_said_to_be_apart() -> None:
    contents = preference(*won("a", "b", 5, 3), *won("c", "d", 5, 3), methods="abcd")
    assert "a, b | c, d" in contents.notes[-1]


def test_strengths_that_hang_on_one_answer_have_no_interval() -> None:
    contents = preference(*won("a", "b", 7, 1), *won("b", "c", 7, 1))
    assert contents.strengths[0].value is not None
    assert contents.strengths[0].low is None
    assert "Strengths have no interval" in contents.notes[-1]


def test_no_image_is_among_the_most_and_the_least_convincing(tmp_path: Path) -> None:
    design = design_of("real-or-fake", "ours", num_images=7)
    contents = make_contents(design, write_study(tmp_path, design, {"ours": (0.5, 0.5)}), num_resamples=100)
    ((most, least),) = extremes(contents.images).values()
    assert (len(most), len(least)) == (3, 3)
    assert not {one.image for one in most} & {one.image for one in least}
    assert most[0].pulled >= most[-1].pulled >= least[-1].pulled >= least[0].pulled


def test_names_are_text_on_the_page_and_lost_images_are_said(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    design = design_of("real-or-fake", hostile)
    contents = make_contents(design, write_study(tmp_path, design, {hostile: (0.5, 0.5)}), num_resamples=100)
    lost = design.images[contents.images[0].image][hostile]
    (tmp_path / "images" / lost).unlink()
    page = render_study(contents, tmp_path)
    assert hostile not in page
    assert f"{lost} is gone." in page
    assert "<script" not in to_markdown(contents).replace("\\<", "")


def test_answers_to_another_study_are_not_counted(tmp_path: Path) -> None:
    write_study(tmp_path, design_of("real-or-fake", "ours"), {"others": (0.5, 0.5)}, num_participants=1)
    with pytest.raises(ConfigError, match="no answer to this study"):
        make_contents(design_of("real-or-fake", "ours"), read_answers(tmp_path))

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from launch.cli import main
from launch.study import export_mturk, import_mturk
from tests.unit.study.made import design_of
from tests.unit.study.made import study_with_checks as small
from trainer.config.errors import ConfigError
from trainer.study.answers import TRUTH
from trainer.study.design import write_design
from trainer.study.mturk.export import plan_hits
from trainer.study.mturk.layout import layout_of
from trainer.study.mturk.page import check_url
from trainer.study.mturk.results import name_of
from trainer.study.plan import plan_session
from trainer.study.statistics.counts import count
from trainer.study.statistics.exclusion import choose
from trainer.study.store import read_answers

NUM_TRIALS = 7  # two of practice, four that count, one check
URL = "https://images.example/study"


def exported(study: Path, **options) -> list[dict[str, str]]:
    place = study.parent / "hits.csv"
    assert export_mturk.main(export_mturk.Options(study=study, csv=place, images_url=URL, **options)) == 0
    return list(csv.DictReader(io.StringIO(place.read_text())))


def answered(hits: list[dict[str, str]], click) -> list[dict[str, str]]:
    """The file that comes back, where worker `w0` did the first HIT and so on; `click(hit, trial)` is a side."""
    return [
        {
            "HITId": f"h{number}",
            "AssignmentId": f"a{number}",
            "WorkerId": f"w{number}",
            "AssignmentStatus": "Submitted",
            **{f"Input.{name}": value for name, value in hit.items()},
            **{f"Answer.selection{trial}": click(hit, trial) for trial in range(NUM_TRIALS)},
        }
        for number, hit in enumerate(hits)
    ]


def clicks_fake(hit: dict[str, str], trial: int) -> str:
    return {"left": "right", "right": "left"}[hit[f"gt_side{trial}"]]


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def take(study: Path, rows: list[dict[str, str]]) -> int:
    return import_mturk.main(import_mturk.Options(study=study, csv=write_rows(study.parent / "results.csv", rows)))


def test_columns_are_those_of_the_papers_tool_in_its_order(study: Path) -> None:
    names = list(exported(study)[0])
    numbers = range(NUM_TRIALS)
    kinds = ("gt_side", "images_left", "images_right")
    assert names == [f"{kind}{number}" for kind in kinds for number in numbers]


def test_each_row_is_a_session_of_one_method_with_the_real_image_where_it_is_said_to_be(study: Path) -> None:
    hits = exported(study, num_hits=4)
    assert len(hits) == 4
    for number, hit in enumerate(hits):
        fakes = {hit[f"images_{clicks_fake(hit, trial)}{trial}"].split("/")[0] for trial in range(NUM_TRIALS)}
        assert fakes == {("ours", "theirs")[number % 2], "vigilance"}
        assert {hit[f"images_{hit[f'gt_side{trial}']}{trial}"].split("/")[0] for trial in range(NUM_TRIALS)} == {"gt"}
    planned = plan_session(small(), session=0, method="ours")
    shown = layout_of(small()).cells[hits[0]["images_left3"]].file
    assert shown == planned[3].files[0]


def test_every_image_that_a_row_names_lies_in_the_folder_and_the_page_fills_from_the_columns(study: Path) -> None:
    hits = exported(study)
    folder = study.parent / "hits-images"
    named = {value for hit in hits for name, value in hit.items() if name.startswith("images")}
    assert all((folder / name).is_file() for name in named)
    cells = layout_of(small()).cells
    assert all((folder / name).read_bytes() == (study / "images" / cells[name].file).read_bytes() for name in named)
    page = (study.parent / "hits.html").read_text()
    assert set(re.findall(r"\$\{([^}]*)\}", page)) == set(hits[0])


def test_whoever_clicks_the_fake_image_is_not_fooled_and_heeds_the_checks(study: Path) -> None:
    assert take(study, answered(exported(study, num_hits=2), clicks_fake)) == 0
    answers = read_answers(study)
    assert len(answers) == 2 * NUM_TRIALS
    assert {(answer.part, answer.value) for answer in answers} == {
        ("practice", 0.0),
        ("counted", 0.0),
        ("attention", 1.0),
    }
    assert sum(answer.part == "counted" for answer in answers) == 8
    assert sum(answer.part == "practice" for answer in answers) == 4


def test_whoever_clicks_the_real_one_is_fooled_and_fails_the_checks(study: Path) -> None:
    hits = exported(study, num_hits=2)
    assert take(study, answered(hits, lambda hit, trial: hit[f"gt_side{trial}"])) == 0
    answers = read_answers(study)
    assert {(answer.part, answer.value) for answer in answers if answer.part != "practice"} == {
        ("counted", 1.0),
        ("attention", 0.0),
    }
    assert count(choose(answers, rules=small().rules, num_counted=4).answers).totals.tolist() == [[0, 4], [0, 4]]


def test_an_answer_is_about_the_image_that_was_shown(study: Path) -> None:
    (hit,) = exported(study, num_hits=1)
    take(study, answered([hit], clicks_fake))
    for answer, trial in zip(read_answers(study), plan_session(small(), session=0, method="ours"), strict=True):
        assert (answer.image, answer.part, answer.method) == (trial.image, trial.part, trial.method)


def test_taken_again_nothing_is_new(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = answered(exported(study, num_hits=3), clicks_fake)
    take(study, rows[:2])
    before = read_answers(study)
    capsys.readouterr()
    assert take(study, rows[:2]) == 0
    assert read_answers(study) == before
    assert "2 workers, 14 answers, of which 14 were there already." in capsys.readouterr().out
    take(study, rows)
    assert len(read_answers(study)) == 3 * NUM_TRIALS


@pytest.mark.parametrize("together", [True, False])
def test_a_workers_second_assignment_is_left_out_and_said(
    study: Path, capsys: pytest.CaptureFixture[str], together: bool
) -> None:
    first, second = answered(exported(study, num_hits=2), clicks_fake)
    second["WorkerId"] = first["WorkerId"]
    for rows in [[first, second]] if together else [[first], [second]]:
        assert take(study, rows) == 0
    assert "assignment a1: a second one of the same worker" in capsys.readouterr().out
    assert len(read_answers(study)) == NUM_TRIALS


def test_a_rejected_assignment_is_left_out_and_said(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = answered(exported(study, num_hits=2), clicks_fake)
    assert take(study, [first, second | {"AssignmentStatus": "Rejected"}]) == 0
    assert "row 3, assignment a1: was rejected." in capsys.readouterr().out
    assert len(read_answers(study)) == NUM_TRIALS


def test_workers_are_salted_hashes_unless_the_study_keeps_identifiers(study: Path) -> None:
    take(study, answered(exported(study, num_hits=1), clicks_fake))
    assert not any("w0" in answer.participant for answer in read_answers(study))
    assert name_of(layout_of(small()), "w0") != name_of(layout_of(replace(small(), salt="0" * 64)), "w0")
    write_design(study, small(keeps_ids=True))
    assert name_of(layout_of(small(keeps_ids=True)), "w0") == "mturk-w0"


def test_what_our_page_measures_is_taken_where_it_is_there(study: Path) -> None:
    (row,) = answered(exported(study, num_hits=1), clicks_fake)
    measured = {"Answer.exposure_left0": "1000.1", "Answer.exposure_right0": "1016.7", "Answer.seconds0": "0.75"}
    take(study, [row | measured])
    first, second, *_ = read_answers(study)
    assert (first.exposures_ms, first.seconds) == ((1000.1, 1016.7), 0.75)
    assert (second.exposures_ms, second.seconds) == ((), None)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"Input.images_left3": "gt/99.png"}, r"Input.images_left3 = 'gt/99.png'.*row 2.*no image of this study"),
        ({"Input.images_right0": "../study.json"}, "no image of this study"),
        ({"Answer.selection5": "both"}, r"Answer.selection5 = 'both'.*left or right"),
        ({"Answer.selection5": ""}, "left or right"),
        ({"Input.gt_side2": "up"}, "left or right"),
        ({"WorkerId": ""}, "no WorkerId"),
        ({"Answer.seconds1": "soon"}, r"Answer.seconds1 = 'soon'"),
        ({"Answer.exposure_left1": "-1"}, "0 or more"),
        ({"Answer.seconds1": "inf"}, "0 or more"),
    ],
)
def test_a_wrong_cell_is_named_and_nothing_of_the_file_is_taken(study: Path, change: dict, named: str) -> None:
    good, bad = answered(exported(study, num_hits=2), clicks_fake)
    keys = {key: "" for key in change if key not in good}
    with pytest.raises(ConfigError, match=named.replace("row 2", "row 3")):
        take(study, [good | keys, bad | change])
    assert read_answers(study) == []


def test_a_side_that_is_not_the_real_one_is_named(study: Path) -> None:
    (row,) = answered(exported(study, num_hits=1), clicks_fake)
    with pytest.raises(ConfigError, match=r"Input.gt_side0.*not the real one"):
        take(study, [row | {"Input.gt_side0": clicks_fake({"gt_side0": row["Input.gt_side0"]}, 0)}])


@pytest.mark.parametrize("name", ["Answer.selection6", "Input.gt_side0", "WorkerId", "AssignmentId"])
def test_a_missing_column_is_named(study: Path, name: str) -> None:
    (row,) = answered(exported(study, num_hits=1), clicks_fake)
    with pytest.raises(ConfigError, match=f"{name}.*is missing"):
        take(study, [{key: value for key, value in row.items() if key != name}])


def test_more_trials_than_the_study_has_are_named(study: Path) -> None:
    (row,) = answered(exported(study, num_hits=1), clicks_fake)
    with pytest.raises(ConfigError, match="more than this study's 7 trials"):
        take(study, [row | {"Input.gt_side7": "left"}])


def test_an_assignment_that_is_there_twice_is_named(study: Path) -> None:
    (row,) = answered(exported(study, num_hits=1), clicks_fake)
    with pytest.raises(ConfigError, match="'a0': is in the file twice"):
        take(study, [row, row])


def test_the_file_that_goes_in_is_not_taken_for_the_one_that_comes_back(study: Path) -> None:
    hits = exported(study, num_hits=1)
    with pytest.raises(ConfigError, match=r"is what goes in.*Download CSV"):
        take(study, hits)


@pytest.mark.parametrize(
    "arguments",
    [
        ["import-mturk", "STUDY"],
        ["export-mturk", "STUDY", "--csv", "new.csv", "--images-url", "here"],
        ["publish", "STUDY", "--images-url", URL, "--num-hits", "0"],
        ["report", "STUDY", "--num-resamples", "5"],
    ],
)
def test_impossible_options_are_told_in_one_line(
    study: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["study", *(str(study) if word == "STUDY" else word for word in arguments)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\xff\xfe\x00", b'a,b\n"x'])
def test_what_is_no_file_of_results_is_named(study: Path, content: bytes) -> None:
    path = study.parent / "results.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"results\.csv"):
        import_mturk.main(import_mturk.Options(study=study, csv=path))


@pytest.mark.parametrize("method", ["gt", "vigilance", "a/b", "..", "with space", "ö"])
def test_a_method_that_can_be_no_folder_is_named(method: str) -> None:
    with pytest.raises(ConfigError, match="method"):
        layout_of(small(method))


def test_other_protocols_are_refused() -> None:
    with pytest.raises(ConfigError, match="protocol = 'realness'"):
        layout_of(design_of("realness", "ours"))


def test_images_are_never_written_over(study: Path) -> None:
    exported(study)
    with pytest.raises(ConfigError, match="hits-images"):
        exported(study)


@pytest.mark.parametrize(
    "url", ["http://example.com/x", "images", "https://", "https://a/b?c=d", "https://a/${gt}", "ftp://a/b"]
)
def test_an_address_where_browsers_cannot_load_images_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="images_url"):
        check_url(url)


def test_real_images_go_by_the_number_of_their_input() -> None:
    cells = layout_of(small()).cells
    for number, image in enumerate(sorted(small().images)):
        assert (cells[f"gt/{number}.png"].who, cells[f"gt/{number}.png"].image) == (TRUTH, image)
    assert not any("input" in name for name in cells)
    assert len(plan_hits(layout_of(small()), num_hits=3)) == 3

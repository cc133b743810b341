"""What is told of a sweep's trials: their order, their states, the best one and the command that trains it."""

import io
import json
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from launch.run_options import parse_train
from sweeps.plan import Sweep, SweepDir
from sweeps.report import full_command, write_report
from sweeps.resources import Resources
from sweeps.rows import TrialRow, best_of, make_rows
from sweeps.spaces.overrides import apply
from sweeps.table import make_table, score_names
from sweeps.trials import trial_config
from tests.scores import ABSOLUTE_ERROR
from trainer.evaluation.scores import SCORES
from trainer.presets import DEFAULT, load_preset


@dataclass
class FinishedTrial:
    """What the report reads of Tune's trials."""

    name: str
    status: str = "TERMINATED"
    position: int | None = 2000
    score: float = 20.0
    metric: str = "eval/psnr"
    overrides: dict[str, Any] = field(
        default_factory=lambda: {"method.weight_l1": 123.456, "method.generator.skips": "add"}
    )
    num_failures: int = 0
    error_file: str | None = None
    diverged: bool = False

    @property
    def config(self) -> dict[str, Any]:
        return {"trial": {"name": self.name, "overrides": self.overrides, "position": 0}}

    @property
    def last_result(self) -> dict[str, Any]:
        if self.position is None:
            return {}
        result = {"position": self.position, self.metric: self.score, "baseline/mean/psnr": 17.0, "pid": 1}
        return result | ({"diverged": True} if self.diverged else {})


def written(folder: Path, text: str) -> str:
    """As Tune keeps what a trial's failures had to say."""
    path = folder / "error.txt"
    path.write_text(text)
    return str(path)


@pytest.fixture
def sweep() -> Sweep:
    return Sweep(
        preset=DEFAULT,
        config=apply(trial_config(load_preset(DEFAULT)), {"data.flip": False}),
        asked={"data.flip": False},
        space="l1-skips",
        metric="eval/psnr",
        num_trials=4,
        num_reports=8,
        reduction_factor=2,
        ranks_per_trial=1,
        resources=Resources(cpus_per_rank=1, gpus_per_rank=0, max_concurrent=2),
        seed=0,
        command=["diptych", "sweep"],
        folder=Path("/somewhere"),
    )


def states(sweep: Sweep, *trials: FinishedTrial) -> dict[str, str]:
    return {row.trial: row.state for row in make_rows(trials, sweep)}


def test_trials_of_equal_length_are_ordered_by_score_and_longer_ones_come_first(sweep: Sweep) -> None:
    trials = [
        FinishedTrial("b", position=None, status="PENDING"),
        FinishedTrial("low", score=18.0),
        FinishedTrial("ahead_too_early", position=500, score=30.0),
        FinishedTrial("by_part_of_a_batch", position=504, score=30.5),
        FinishedTrial("a", position=None, status="RUNNING"),
        FinishedTrial("high", score=21.0),
        FinishedTrial("diverged", score=float("-inf"), diverged=True),
        FinishedTrial("failed", score=40.0, status="ERROR"),
    ]
    assert [row.trial for row in make_rows(trials, sweep)] == [
        *("high", "low", "by_part_of_a_batch", "ahead_too_early"),
        *("a", "b", "diverged", "failed"),
    ]


def test_states_say_how_a_trial_ended(sweep: Sweep, tmp_path: Path) -> None:
    error = written(tmp_path, "Traceback\n  ...\nDatasetError: cut short\n")
    assert states(
        sweep,
        FinishedTrial("whole"),
        FinishedTrial("behind", position=1999),
        FinishedTrial("infinite", position=600, score=float("-inf"), diverged=True),
        FinishedTrial("broken", status="ERROR", num_failures=3, error_file=error),
        FinishedTrial("now", status="RUNNING"),
        FinishedTrial("later", status="PENDING"),
        FinishedTrial("paused", status="PAUSED"),
    ) == {
        "whole": "finished",
        "behind": "stopped early",
        "infinite": "diverged",
        "broken": "failed",
        "now": "training",
        "later": "waiting",
        "paused": "waiting",
    }


def test_a_row_holds_what_the_sweep_asked_for(sweep: Sweep) -> None:
    [row] = make_rows([FinishedTrial("x", num_failures=1, position=1200)], sweep)
    assert row == TrialRow(
        trial="x",
        state="stopped early",
        overrides={"method.weight_l1": 123.456, "method.generator.skips": "add"},
        position=1200,
        score=20.0,
        scores={"eval/psnr": 20.0, "baseline/mean/psnr": 17.0},
        num_restarts=1,
        error=None,
    )


def test_a_failure_for_good_is_no_restart_and_gives_its_reason(sweep: Sweep, tmp_path: Path) -> None:
    error = written(tmp_path, "first\n  last: the reason\n")
    [row] = make_rows([FinishedTrial("x", status="ERROR", num_failures=3, error_file=error)], sweep)
    assert (row.num_restarts, row.error) == (2, "last: the reason")


def test_the_best_is_neither_failed_nor_diverged(sweep: Sweep) -> None:
    trials = [
        FinishedTrial("failed", status="ERROR", score=30.0),
        FinishedTrial("diverged", diverged=True, score=float("-inf")),
        FinishedTrial("stopped", position=500, score=19.0),
        FinishedTrial("whole", score=18.0),
    ]
    best = best_of(make_rows(trials, sweep))
    assert best is not None
    assert best.trial == "whole"
    assert best_of(make_rows([trials[0]], sweep)) is None


def test_the_command_of_the_best_trains_its_configuration_in_full(sweep: Sweep) -> None:
    [row] = make_rows([FinishedTrial("x")], sweep)
    command = shlex.split(full_command(sweep, row))
    assert command[:2] == ["diptych", "train"]
    preset, options = parse_train(command[2:], prog="diptych train")
    assert preset == DEFAULT
    assert options.config == apply(load_preset(DEFAULT), dict(row.overrides) | {"data.flip": False})


def test_the_table_fits_a_narrow_terminal(sweep: Sweep) -> None:
    rows = make_rows(
        [FinishedTrial("0a1b2_00000"), FinishedTrial("0a1b2_00001", position=None, status="PENDING")], sweep
    )
    console = Console(file=io.StringIO(), width=80)
    console.print(make_table(rows, sweep, title="[sweep]"))
    shown = console.file.getvalue()  # pyright: ignore
    lines = [line.split() for line in shown.splitlines()]
    assert ["[sweep]"] in lines
    assert ["0a1b2_00000", "123.5", "add", "2", "20.00", "dB", "finished"] in lines
    assert ["0a1b2_00001", "123.5", "add", "0", "\N{EN DASH}", "waiting"] in lines


def test_the_report_is_written_for_programs_and_for_people(sweep: Sweep, tmp_path: Path) -> None:
    folder = SweepDir(tmp_path)
    trials = [
        FinishedTrial("good", score=21.0),
        FinishedTrial("bad", score=float("-inf"), diverged=True),
        FinishedTrial("ugly", status="ERROR", position=None, error_file=written(tmp_path, "no space left")),
    ]
    write_report(folder, sweep, make_rows(trials, sweep))
    report = json.loads(folder.report_json.read_text())
    assert report["best"]["trial"] == "good"
    assert report["best"]["command"].startswith(f"diptych train {DEFAULT} ")
    assert [trial["score"] for trial in report["trials"]] == [21.0, None, None]
    assert report["trials"][0]["run"] == "trials/good"
    text = folder.report_markdown.read_text()
    assert "| good | 123.5 | add | 2.00 | 21.00 dB | finished |" in text
    assert "Trial ugly failed: no space left" in text
    assert report["best"]["command"] in text


def test_a_sweep_without_any_score_has_no_best(sweep: Sweep, tmp_path: Path) -> None:
    rows = make_rows([FinishedTrial("ugly", status="ERROR", position=None)], replace(sweep, num_trials=1))
    write_report(SweepDir(tmp_path), sweep, rows)
    assert json.loads(SweepDir(tmp_path).report_json.read_text())["best"] is None


def test_of_two_scores_all_that_no_other_beats_are_the_best(sweep: Sweep, tmp_path: Path) -> None:
    """The second is one that all trials have alike but one: the mean image's."""
    sweep = replace(sweep, second_metric="baseline/mean/psnr")
    trials = [FinishedTrial("low", score=18.0), FinishedTrial("high", score=21.0), FinishedTrial("other", score=20.0)]
    rows = make_rows(trials, sweep)
    rows[2] = replace(rows[2], scores=rows[2].scores | {"baseline/mean/psnr": 17.5})
    folder = SweepDir(tmp_path)
    write_report(folder, sweep, rows)
    report = json.loads(folder.report_json.read_text())
    assert [entry["trial"] for entry in report["best"]] == ["high", "low"]
    assert (report["metric"], report["second_metric"]) == ("eval/psnr", "baseline/mean/psnr")
    text = folder.report_markdown.read_text()
    assert "| high | 123.5 | add | 2.00 | 21.00 dB | 17.00 dB | finished, front |" in text
    assert "| other | 123.5 | add | 2.00 | 20.00 dB | 17.00 dB | finished |" in text
    assert text.count("Train one of the best, ") == 2
    assert all(entry["command"] in text for entry in report["best"])
    console = Console(file=io.StringIO(), width=120)
    console.print(make_table(rows, sweep, title="sweep"))
    shown = [line.split() for line in console.file.getvalue().splitlines()]  # pyright: ignore
    assert ["low", "123.5", "add", "2", "18.00", "dB", "17.50", "dB", "finished,", "front"] in shown


def test_two_scores_fit_a_narrow_terminal(sweep: Sweep) -> None:
    sweep = replace(sweep, second_metric="eval/stage_distance/efficientnet-lite0")
    assert score_names(sweep) == ["psnr", "stage_distance"]
    assert score_names(replace(sweep, metric="eval/stage_distance/mobilenet_v2"))[0] == "stage_distance/mobilenet_v2"
    [row] = make_rows([FinishedTrial("000")], sweep)
    row = replace(row, overrides=row.overrides | {"method.generator.skips": "concatenate"})
    row = replace(row, scores=row.scores | {"eval/stage_distance/efficientnet-lite0": 1.4341})
    console = Console(file=io.StringIO(), width=80)
    console.print(make_table([row], sweep, title="sweep"))
    shown = [line.split() for line in console.file.getvalue().splitlines()]  # pyright: ignore
    assert ["000", "123.5", "concatenate", "2", "20.00", "dB", "1.4341", "finished,"] in shown
    assert ["front"] in shown  # below it


def test_names_and_errors_cannot_become_markup_of_the_report(sweep: Sweep, tmp_path: Path) -> None:
    folder = SweepDir(tmp_path / "a <b>|x")
    folder.path.mkdir()
    error = written(tmp_path, "![seen](http://host/x) <script>\x1b[2J a|b")
    failed = FinishedTrial("ugly", status="ERROR", position=None, error_file=error)
    write_report(folder, sweep, make_rows([FinishedTrial("good`|"), failed], sweep))
    text = folder.report_markdown.read_text()
    assert text.startswith("# Sweep a \\<b\\>\\|x\n")
    assert "| good\\`\\| | 123.5 |" in text
    assert "Trial ugly failed: \\!\\[seen\\](http://host/x) \\<script\\>␛\\[2J a\\|b" in text


def test_of_a_score_of_which_less_is_better_the_smallest_is_the_best(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCORES, ABSOLUTE_ERROR.name, ABSOLUTE_ERROR)
    sweep = replace(sweep, metric="eval/absolute_error")
    trials = [
        FinishedTrial("large", score=21.0, metric=sweep.metric),
        FinishedTrial("diverged", score=float("inf"), metric=sweep.metric, diverged=True),
        FinishedTrial("small", score=18.0, metric=sweep.metric),
        FinishedTrial("early", score=1.0, metric=sweep.metric, position=500),
    ]
    rows = make_rows(trials, sweep)
    assert [row.trial for row in rows] == ["small", "large", "early", "diverged"]
    assert rows[-1].score is None
    folder = SweepDir(tmp_path)
    write_report(folder, sweep, rows)
    report = json.loads(folder.report_json.read_text())
    assert (report["best"]["trial"], report["better"]) == ("small", "lower")
    text = folder.report_markdown.read_text()
    assert "furthest and best validation eval/absolute_error (less is better) first." in text
    assert "| small | 123.5 | add | 2.00 | 18.0 levels | finished |" in text
    console = Console(file=io.StringIO(), width=100)
    console.print(make_table(rows, sweep, title="sweep"))
    assert "18.0 levels" in console.file.getvalue()  # pyright: ignore

"""sweep.html: what it shows of a sweep's trials, and that it needs nothing but itself."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pytest import approx

from sweeps.page import wall
from sweeps.page.axes import field_axis, score_axis
from sweeps.page.page import SweepPage
from sweeps.page.wall import Wall
from sweeps.plan import Sweep, SweepDir
from sweeps.rows import TrialRow
from sweeps.search.importance import find_importance
from tests.made_sweep import ENDS, make_sweep, write_sweep
from trainer.config.domains import Choice, Integers, LogUniform, Uniform
from trainer.evaluation.scores import find

Made = tuple[SweepDir, Sweep, list[TrialRow]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_dataset: Path) -> Made:
    return write_sweep(tmp_path_factory.mktemp("sweeps") / "<mine>", tiny_dataset)


@pytest.fixture(scope="module")
def page(made: Made) -> str:
    folder, sweep, rows = made
    SweepPage(folder, sweep).write(rows)
    return folder.page.read_text()


def test_every_trial_is_in_the_plots_and_in_the_table(page: str, made: Made) -> None:
    _, _, rows = made
    table = re.findall(r'<tr data-trial="(\d+)"', page)
    assert table == [row.trial for row in rows]
    marks = re.findall(r'<path class="mark[^"]*" data-trial="(\d+)"', page)
    counts = {trial: marks.count(trial) for trial in table}
    # Coordinates, the curve, slices of weight and generator; U-Nets that of skips; the best score the steps.
    whole = {f"{number:03d}": 4 + bool(number % 3) for number in range(8)}
    whole["005"] += 1
    assert counts == whole | {"008": 1, "009": 0}  # diverged: values without a score; failed before its first report


def test_names_and_errors_cannot_become_markup(page: str) -> None:
    assert "<h1>&lt;mine&gt;</h1>" in page
    assert "no &lt;space&gt; left" in page


def test_the_page_loads_nothing(page: str) -> None:
    assert re.findall(r'(?:src|href)="(?!data:|trials/\d+")[^"]*"', page) == []
    assert not re.search(r"https?://", page)


def test_the_wall_shows_all_trials_at_the_last_position_that_they_share(made: Made) -> None:
    folder, sweep, rows = made
    panels, notes = Wall(folder, sweep).panels(rows)
    assert notes == []
    assert [panel.position for panel in panels] == [500, 2000, 1000]
    assert [len(panel.trials) for panel in panels] == [8, 4, 6]
    assert [panel.num_behind for panel in panels] == [0, 4, 2]
    assert [row.trial for row, _ in panels[0].trials] == [row.trial for row in rows[:8]]
    for panel in panels:
        assert len(panel.common) == 2  # input and target
        assert [len(columns) for _, columns in panel.trials] == [1] * len(panel.trials)
        assert len({columns[0].digest for _, columns in panel.trials}) == len(panel.trials)
    column = panels[0].trials[0][1][0].picture
    assert (column.width, column.height) == (128, 20 + 2 * 130 - 2)


def test_a_wall_that_would_be_too_large_keeps_the_best(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, sweep, rows = made
    first = Wall(folder, sweep).panels(rows)[0][0]
    own = [len(columns[0].picture.uri) for _, columns in first.trials]
    most = sum(len(column.picture.uri) for column in first.common) + sum(own[:3])
    monkeypatch.setattr(wall, "MOST_BYTES", most)
    panels, notes = Wall(folder, sweep).panels(rows)
    assert [[row.trial for row, _ in panel.trials] for panel in panels] == [[row.trial for row in rows[:3]]]
    assert notes == ["Pictures of 5 trials are left out: the page would be too large."]


def test_a_sweep_that_has_only_begun_has_a_page(tiny_dataset: Path, tmp_path: Path) -> None:
    folder, sweep = SweepDir(tmp_path), make_sweep(tiny_dataset)
    waiting = TrialRow(
        trial="000", state="waiting", overrides={}, position=0, score=None, scores={}, num_restarts=0, error=None
    )
    text = SweepPage(folder, sweep).render([waiting])
    assert "1 of 1 trials to go" in text
    assert "Needs four trials that have ended" in text


def test_two_scores_are_drawn_against_each_other(made: Made) -> None:
    folder, sweep, rows = made
    two = replace(sweep, second_metric="eval/ssim")
    rows = [
        replace(row, scores=dict(row.scores) | {"eval/ssim": int(row.trial) / 10}) if row.scores else row
        for row in rows
    ]
    text = SweepPage(folder, two).render(rows)
    assert "<h2>Pareto front</h2>" in text
    assert 'class="dot front"' in text


def test_importance_finds_the_field_that_decides(made: Made) -> None:
    _, sweep, rows = made
    many = [
        replace(
            rows[0],
            trial=f"{number:03d}",
            overrides={"method.weight_l1": 10 ** (1 + number / 15), "method.generator.architecture": "unet",
                       "method.generator.skips": ("add", "none")[number % 2]},
        )
        for number in range(30)
    ]  # fmt: skip
    found = find_importance(many, sweep)
    assert found is not None
    assert (found.num_trials, found.num_good) == (30, 5)
    assert list(found.shares) == ["method.weight_l1", "method.generator.skips"]
    assert found.shares["method.weight_l1"] > 0.9
    assert sum(found.shares.values()) == approx(1)
    assert find_importance(many[:3], sweep) is None
    assert find_importance([replace(row, state="failed") for row in many], sweep) is None


def test_of_few_trials_the_page_says_that_chance_decides(page: str) -> None:
    assert f"Rests on {len(ENDS) + 1} trials: the values of the best 5 against those of all" in page
    assert "Of fewer than 10 trials chance decides much" in page


def test_places_on_axes() -> None:
    weight = field_axis("method.weight_l1", LogUniform(10, 1000), title="weight_l1")
    assert [weight.place(value) for value in (10, 100.0, 1000, 5000, None, "add")] == [0, approx(0.5), 1, 1, None, None]
    assert [tick.label for tick in weight.ticks] == ["10", "20", "50", "100", "200", "500", "1000"]
    wide = field_axis("optimizer.lr", LogUniform(1e-6, 1e-2), title="lr")
    assert [tick.label for tick in wide.ticks] == ["1e-06", "1e-05", "0.0001", "0.001", "0.01"]
    choice = field_axis("x", Choice("add", [1, 2]), title="x")
    assert [choice.place(value) for value in ("add", [1, 2], "none")] == [0.25, 0.75, None]
    whole = field_axis("x", Integers(1, 4), title="x")
    assert [tick.label for tick in whole.ticks] == ["1", "2", "3", "4"]
    assert field_axis("x", Uniform(0.5, 0.9), title="x").place(0.7) == approx(0.5)


def test_the_better_end_is_above_where_that_is_asked_for() -> None:
    score = replace(find("psnr"), better="lower")
    assert score_axis(score, [1.0, 3.0], is_flipped=True).place(1.0) == 1
    assert score_axis(score, [1.0, 3.0]).place(1.0) == 0
    assert score_axis(find("psnr"), [1.0, 3.0], is_flipped=True).place(3.0) == 1

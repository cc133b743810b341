"""What is read of trials' own files: curves, the best for the training that was spent, results.parquet."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from sweeps.history import Best, Histories, best_by_budget
from sweeps.plan import Sweep, SweepDir, written
from sweeps.report import write_report
from sweeps.results import write_results
from sweeps.rows import TrialRow
from sweeps.spaces.space import Space
from tests.made_sweep import line, make_sweep, write_run
from trainer.config.domains import Choice, LogUniform


@pytest.fixture
def sweep(tiny_dataset: Path) -> Sweep:
    space = Space({"method.weight_l1": LogUniform(10, 1000), "method.generator.skips": Choice("add", "none")})
    return make_sweep(tiny_dataset, num_reports=2, **written(space))


def row(trial: str, score: float | None, *, position: int = 2000, **changes: Any) -> TrialRow:
    found = TrialRow(
        trial=trial,
        state="finished" if score is not None else "failed",
        overrides={"method.weight_l1": 100, "method.generator.skips": "add"},
        position=position,
        score=score,
        scores={} if score is None else {"eval/psnr": score, "baseline/mean/psnr": 17.0},
        num_restarts=0,
        error=None if score is not None else "no space left",
    )
    return replace(found, **changes)


def test_the_best_is_counted_by_what_all_trials_had_cost_when_it_came(sweep: Sweep, tmp_path: Path) -> None:
    """001 begins 10 s later, so that its first score comes between the two of 000."""
    write_run(
        SweepDir(tmp_path),
        "000",
        [line(4, 1.0), line(1000, 20.0, 20.0), line(2000, 40.0, 19.0)],
        sweep=sweep,
        began="10:00:00",
    )
    write_run(
        SweepDir(tmp_path), "001", [line(1000, 15.0, 21.5), line(2000, 100.0, 22.0)], sweep=sweep, began="10:00:10"
    )
    histories = Histories(SweepDir(tmp_path)).of([row("001", 22.0), row("000", 19.0), row("002", None)])
    assert best_by_budget(histories, sweep) == [
        Best(spent=1000, score=20.0, trial="000"),
        Best(spent=2000, score=21.5, trial="001"),
        Best(spent=4000, score=22.0, trial="001"),
    ]
    assert [history.curve("eval/psnr") for history in histories] == [
        [(1000, 21.5), (2000, 22.0)],
        [(1000, 20.0), (2000, 19.0)],
        [],
    ]
    assert [history.seconds for history in histories] == [100.0, 40.0, None]


def test_a_growing_file_is_read_again_and_a_damaged_one_does_not_stop_the_sweep(sweep: Sweep, tmp_path: Path) -> None:
    write_run(SweepDir(tmp_path), "000", [line(1000, 20.0, 20.0)], sweep=sweep, began="10:00:00")
    histories = Histories(SweepDir(tmp_path))
    rows = [row("000", 20.0)]
    assert len(histories.of(rows)[0].reports) == 1
    file = SweepDir(tmp_path).run("000").metrics_file
    file.write_text(file.read_text() + json.dumps(line(2000, 40.0, 21.0)) + "\n")
    assert len(histories.of(rows)[0].reports) == 2
    SweepDir(tmp_path).run("000").run_file.unlink()
    assert histories.of(rows)[0].reports[0].when is not None  # of a run that has no news no file is read
    file.write_text("{]\n")
    assert histories.of(rows)[0].reports == []


def test_results_have_a_row_for_each_trial_with_its_values_by_path(sweep: Sweep, tmp_path: Path) -> None:
    write_run(SweepDir(tmp_path), "000", [line(2000, 40.0, 20.0)], sweep=sweep, began="10:00:00")
    rows = [
        row("000", 20.0),
        row("001", 19.0, overrides={"method.weight_l1": 31.6}),
        row("002", None, overrides={"method.weight_l1": 10.0, "method.generator.skips": "none"}),
    ]
    write_report(SweepDir(tmp_path), sweep, rows)
    table = parquet.read_table(SweepDir(tmp_path).results)
    assert table.to_pydict() == {
        "trial": ["000", "001", "002"],
        "state": ["finished", "finished", "failed"],
        "kimg": [2.0, 2.0, 2.0],
        "seconds": [40.0, None, None],
        "method.weight_l1": [100.0, 31.6, 10.0],
        "method.generator.skips": ["add", None, "none"],
        "eval/psnr": [20.0, 19.0, None],
        "baseline/mean/psnr": [17.0, 17.0, None],
        "num_restarts": [0, 0, 0],
        "error": [None, None, "no space left"],
        "run": ["trials/000", "trials/001", "trials/002"],
    }
    assert str(table.schema.field("method.weight_l1").type) == "double"


def test_values_that_are_lists_are_written_as_json(sweep: Sweep, tmp_path: Path) -> None:
    space = Space({"method.discriminator.scales": Choice([1, 2], "one")})
    rows = [row("000", 20.0, overrides={"method.discriminator.scales": [1, 2]}),
            row("001", 20.0, overrides={"method.discriminator.scales": "one"})]  # fmt: skip
    write_results(SweepDir(tmp_path), replace(sweep, **written(space)), Histories(SweepDir(tmp_path)).of(rows))
    values = parquet.read_table(SweepDir(tmp_path).results).column("method.discriminator.scales").to_pylist()
    assert values == ["[1, 2]", "one"]

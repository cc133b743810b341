"""Population-based training in rounds, on real folders of runs; what a kill cut short is done again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.cli import SweepOptions, check_options, make_sweep
from sweeps.plan import Sweep, SweepDir
from sweeps.population import Exploit, Population, read_population, write_population
from sweeps.records import Record, read_records, write_record
from sweeps.report import write_report
from sweeps.resume import open_sweep
from sweeps.rows import rows_on_record
from sweeps.search.rounds import Rounds
from sweeps.spaces.overrides import apply
from sweeps.spaces.space import Space
from sweeps.takeover import MARK
from trainer.checkpoints.layout import CheckpointState, describe_files, folder_of, read_state, write_state
from trainer.config.domains import LogUniform
from trainer.config.errors import ConfigError
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset

RATE = "optimizer.lr"
SPACE = Space({RATE: LogUniform(1e-5, 1e-2)})


@pytest.fixture
def sweep(tiny_dataset: Path) -> Sweep:
    """Four trials of 400 images in four reports."""
    changes = {"data.path": str(tiny_dataset), "data.view_a": "a", "data.view_b": "b", "engine.device": "cpu"}
    changes |= {"train.total_kimg": 0.4}
    options = SweepOptions(
        config=apply(load_preset(DEFAULT), changes),
        space="vary",
        algorithm="pbt",
        num_trials=4,
        num_reports=4,
        metric="eval/psnr",
        name="test",
    )
    return make_sweep(options, SPACE, preset=DEFAULT, asked=changes, resources=check_options(options))


@pytest.fixture
def folder(sweep: Sweep, tmp_path: Path) -> SweepDir:
    folder = SweepDir(tmp_path / "sweep")
    folder.create(sweep)
    for name, overrides in sweep.trials().items():
        folder.run(name).create(apply(sweep.config, overrides or {}), preset=DEFAULT, command=[])
    folder.ray_log.touch()
    return folder


def begin(folder: SweepDir, sweep: Sweep) -> Rounds:
    return Rounds(folder, sweep, read_records(folder, sweep))


def train(folder: SweepDir, name: str, position: int) -> None:
    """Leave what a trial leaves."""
    place = folder_of(folder.run(name).checkpoints, position)
    (place / "generator").mkdir(parents=True)
    (place / "generator" / "weights").write_text(f"of {name} at {position}")
    state = CheckpointState(
        position=position, step=position, world_size=1, ranks=[{"elapsed_s": float(name)}], files=describe_files(place)
    )
    write_state(place, state)
    with folder.run(name).metrics_file.open("a") as file:
        file.write(json.dumps({"position": position, "eval/psnr": float(name)}) + "\n")


def run_round(rounds: Rounds, folder: SweepDir, *, lost: dict[str, dict | None] | None = None) -> list[str]:
    """Every trial trains to its next report, and scores what its number is. Returns who trained."""
    trained = []
    while (trial := rounds.next()) is not None:
        trained.append(trial)
    for trial in trained:
        name, position = trial["name"], trial["position"] + 100
        if name in (lost or {}):
            rounds.ended(name, (lost or {})[name])
        else:
            train(folder, name, position)
            rounds.ended(name, {"position": position, "eval/psnr": float(name), "baseline/mean/psnr": 1.0, "pid": 7})
    return [trial["name"] for trial in trained]


def weights(folder: SweepDir, name: str, position: int) -> str:
    return (folder_of(folder.run(name).checkpoints, position) / "generator" / "weights").read_text()


def test_the_worst_goes_on_with_the_weights_of_the_best_and_says_so(folder: SweepDir, sweep: Sweep) -> None:
    rounds = begin(folder, sweep)
    before = folder.run("000").config().optimizer.lr
    assert run_round(rounds, folder) == ["000", "001", "002", "003"]
    [exploit] = read_population(folder, sweep).exploits
    assert (exploit.trial, exploit.donor, exploit.position) == ("000", "003", 100)
    assert weights(folder, "000", 100) == weights(folder, "003", 100) == "of 003 at 100"
    state = read_state(folder_of(folder.run("000").checkpoints, 100))
    assert state.ranks == [{"elapsed_s": 0.0}], "its own past"
    run = folder.run("000")
    assert run.config().optimizer.lr == exploit.values[RATE] != before
    assert run.config().log.wandb_name == f"{exploit.trial} lr={exploit.values[RATE]:.4g}"
    [change] = run.record()["changes"]
    assert (change["position"], change["taken_from"], change["values"]) == (100, "003", exploit.values)
    scored, mark = read_metrics(run.metrics_file)
    assert scored == {"position": 100, "eval/psnr": 0.0}
    assert (mark["position"], mark[MARK], mark[f"population/{RATE}"]) == (100, 3, exploit.values[RATE])
    assert read_records(folder, sweep)["000"].overrides == exploit.values
    trial = rounds.next()
    assert trial == {"name": "000", "overrides": exploit.values, "position": 100}


def test_it_ends_with_the_last_report_and_the_report_tells_of_all(folder: SweepDir, sweep: Sweep) -> None:
    rounds = begin(folder, sweep)
    for _ in range(4):
        assert not rounds.is_over
        assert len(run_round(rounds, folder)) == 4
    assert rounds.is_over
    population = read_population(folder, sweep)
    assert population.decided == 300
    assert [exploit.position for exploit in population.exploits] == [100, 200, 300]
    for name in sweep.trials():
        record = Record(state="finished", position=400, scores={"eval/psnr": float(name)})
        write_record(folder, name, replace(record, overrides=dict(population.values({}).get(name, {RATE: 1e-3}))))
    write_report(folder, sweep, rows_on_record(read_records(folder, sweep), sweep))
    report = json.loads(folder.report_json.read_text())
    assert [(entry["trial"], entry["donor"]) for entry in report["exploits"]] == [("000", "003")] * 3
    assert [step["position"] for step in report["schedule"]] == [0]
    text = folder.report_markdown.read_text()
    assert "| 0.1 | 000 | 003 | " in text
    assert "What the weights of the best, 003, were trained with:" in text
    assert "these are the last, and report.md has the schedule." in text


def test_what_diverged_takes_over_and_what_failed_is_out(folder: SweepDir, sweep: Sweep) -> None:
    rounds = begin(folder, sweep)
    run_round(rounds, folder, lost={"002": {"position": 60, "diverged": True, "eval/psnr": float("-inf")}, "001": None})
    [exploit] = read_population(folder, sweep).exploits
    assert (exploit.trial, exploit.donor) == ("002", "003")
    assert weights(folder, "002", 100) == "of 003 at 100"
    assert run_round(rounds, folder) == ["000", "002", "003"]
    write_record(folder, "001", Record(state="failed"))
    again = begin(folder, sweep)  # a failed trial has another try, with others' weights
    assert run_round(again, folder) == ["000", "002", "003"]
    assert ("001", "003") in [(found.trial, found.donor) for found in read_population(folder, sweep).newest]
    assert "001" in run_round(again, folder)


def test_a_population_without_any_score_is_over(folder: SweepDir, sweep: Sweep) -> None:
    rounds = begin(folder, sweep)
    run_round(rounds, folder, lost=dict.fromkeys(sweep.trials()))
    assert rounds.is_over
    assert rounds.next() is None


def test_a_stopped_sweep_decides_nothing(folder: SweepDir, sweep: Sweep) -> None:
    """Tune says that a trial is complete that it ended itself, without a report."""
    run_round(begin(folder, sweep), folder, lost={"003": {}})
    assert not folder.population.exists()


def test_a_round_goes_on_where_it_was(folder: SweepDir, sweep: Sweep) -> None:
    for name in ("000", "002"):
        train(folder, name, 100)
        write_record(folder, name, Record(state="waiting", position=100, scores={"eval/psnr": float(name)}))
    rounds = begin(folder, sweep)
    assert run_round(rounds, folder) == ["001", "003"]
    assert [exploit.trial for exploit in read_population(folder, sweep).exploits] == ["000"]


def test_what_was_decided_before_a_kill_is_carried_out_once(folder: SweepDir, sweep: Sweep) -> None:
    for name in sweep.trials():
        train(folder, name, 100)
        write_record(folder, name, Record(state="waiting", position=100, scores={"eval/psnr": 1.0}))
    exploit = Exploit(position=100, trial="002", donor="001", values={RATE: 5e-3})
    write_population(folder, Population(decided=100, exploits=[exploit]))
    open_sweep(folder)  # run.json still has what it had
    begin(folder, sweep)
    assert weights(folder, "002", 100) == "of 001 at 100"
    assert folder.run("002").config().optimizer.lr == 5e-3
    assert read_records(folder, sweep)["002"].overrides == {RATE: 5e-3}
    open_sweep(folder)
    (folder_of(folder.run("002").checkpoints, 100) / "generator" / "weights").write_text("trained on")
    assert run_round(begin(folder, sweep), folder) == ["000", "001", "002", "003"]
    assert weights(folder, "002", 100) == "trained on"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is damaged"),
        ({"trial": "9"}, "speaks of trial '9'"),
        ({"donor": "../../x"}, "speaks of trial '../../x'"),
        ({"values": {RATE: 1.0}}, r"has optimizer.lr = 1.0, which is not in the space"),
        ({"values": {"data.path": "x"}}, "has data.path = 'x', which is not in the space"),
    ],
)
def test_a_damaged_population_is_named(folder: SweepDir, content: str | dict, message: str) -> None:
    entry = {"position": 100, "trial": "002", "donor": "001", "values": {RATE: 5e-3}}
    whole = content if isinstance(content, str) else json.dumps({"decided": 100, "exploits": [entry | content]})
    folder.population.write_text(whole)
    with pytest.raises(ConfigError, match=message):
        open_sweep(folder)

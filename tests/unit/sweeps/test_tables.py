"""`diptych table`: which rows are trained, and what is shown."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sweeps.tables.run
from launch.ranks.interpreter import module_command
from sharding.format.manifest import View
from sweeps.tables.papers import TABLES, find_table
from sweeps.tables.run import table_command
from sweeps.tables.show import markdown
from tests.scores import ABSOLUTE_ERROR
from tests.unit.data.tiny_shards import encode, noise, write_dataset
from trainer.config.errors import ConfigError
from trainer.evaluation.scores import SCORES as CATALOGUE
from trainer.evaluation.scores import heading_of
from trainer.presets import load_preset
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

TABLE = "pix2pix-losses"
ROWS = [row.preset for row in TABLES[TABLE].rows]
SCORES = {
    "eval/pixel_accuracy": 0.912,
    "eval/class_accuracy_absent_as_zero": 0.6,
    "eval/miou_absent_as_zero": 0.5,
    "eval/psnr": 17.257,
}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of runs, beside a stand-in for the data set that the rows are trained on."""
    monkeypatch.chdir(tmp_path)
    views = {name: View(extension=f"{name}.png", width=64, height=64) for name in ("satellite", "map")}
    sample = {name: encode(noise(0, side=64), view.extension) for name, view in views.items()}
    write_dataset(tmp_path / "data" / "earth-64", views=views, splits={"train": [[("0", sample)]]})
    return tmp_path / "runs"


class Trainings:
    """Stands in for the processes that train: notes their commands, and leaves what `ends` says of each row."""

    def __init__(self, runs: Path, **ends: int) -> None:
        self.runs = runs
        self.ends = ends
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str]) -> int:
        start = module_command("launch.cli", "train")
        assert command[: len(start)] == start
        arguments = command[len(start) :]
        self.commands.append(arguments)
        name = Path(arguments[1]).name if arguments[0] == "--resume" else arguments[2]
        status = self.ends.get(name.replace("-", "_"), 0)
        preset = name.partition("-seed")[0]
        run, config = RunDir(self.runs / TABLE / name), load_preset(preset)
        if "--train.total-kimg" in arguments:
            kimg = float(arguments[arguments.index("--train.total-kimg") + 1])
            config = replace(config, train=replace(config.train, total_kimg=kimg))
        if "--train.seed" in arguments:
            seed = int(arguments[arguments.index("--train.seed") + 1])
            config = replace(config, train=replace(config.train, seed=seed))
        if arguments[0] != "--resume":
            assert arguments[:2] == [preset, "--name"]
            run.create(config, preset=preset, command=command)
        if status == 0:
            write_scores(run, config)
        return status


def write_scores(run: RunDir, config: RunConfig, *, position: int | None = None, **splits: Any) -> None:
    total = round(1000 * config.train.total_kimg)
    entry = {"position": total if position is None else position, "num_images": 1, "scores": SCORES}
    run.evaluation_file.write_text(json.dumps(splits or {"test": entry}))


@pytest.fixture
def trainings(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    made = Trainings(runs)
    monkeypatch.setattr(sweeps.tables.run, "run_to_end", made)
    return made


def started(trainings: Trainings) -> list[str]:
    """Rows, with + where one was continued."""
    return [
        f"{Path(arguments[1]).name}+" if arguments[0] == "--resume" else arguments[2]
        for arguments in trainings.commands
    ]


def test_nothing_is_trained_or_written_where_it_is_only_shown(runs: Path, trainings: Trainings, capsys):
    assert table_command([TABLE, "--show"]) == 0
    said = capsys.readouterr().out
    assert "Losses of pix2pix" in said
    assert "L1+cGAN" in said
    assert trainings.commands == []
    assert not runs.exists()


def test_each_row_is_trained_in_its_own_folder(runs: Path, trainings: Trainings):
    assert table_command([TABLE, "--num-procs", "2"]) == 0
    assert started(trainings) == ROWS
    folder = str(Path("runs") / TABLE)
    assert trainings.commands[1] == [ROWS[1], "--name", ROWS[1], "--runs", folder, "--num-procs", "2"]


def test_scores_stand_beside_the_papers(runs: Path, trainings: Trainings, capsys):
    trainings.ends = {ROWS[1].replace("-", "_"): 1}
    assert table_command([TABLE]) == 1
    lines = [line for line in (runs / TABLE / "table.md").read_text().splitlines() if line.startswith("|")]
    assert lines[0].startswith("|  | paper: per-pixel accuracy | paper: per-class accuracy | paper: class IoU | here: ")
    assert set(lines[1]) <= set("|-: ")
    assert lines[2] == "| L1 | 0.42 | 0.15 | 0.11 | 0.91 | 0.60 | 0.50 | 17.26 | - |"
    assert lines[3] == "| GAN | 0.22 | 0.05 | 0.01 | - | - | - | - | - |"
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 2 + len(ROWS)
    said = capsys.readouterr().out
    assert "17.26" in said
    assert f"failed: {ROWS[1]}; the same command continues them" in said


def test_a_row_without_figures_in_the_paper_has_dashes(runs: Path):
    table = find_table("pix2pix-generators")
    row = next(row for row in table.rows if not row.paper)
    (line,) = [line for line in markdown(table, {}).splitlines() if line.startswith(f"| {row.title} |")]
    assert line.count(" - ") == 4 + len(table.scores)


def test_columns_are_called_as_the_catalogue_calls_scores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CATALOGUE, ABSOLUTE_ERROR.name, ABSOLUTE_ERROR)
    keys = ("eval/psnr", "eval/absolute_error", "baseline/mean/absolute_error")
    table = replace(TABLES[TABLE], scores={heading_of(key): key for key in keys})
    text = markdown(table, {ROWS[0]: [{"eval/psnr": 17.257, "eval/absolute_error": 12.0}]})
    assert "PSNR in dB. absolute error in levels." in text
    assert "here: PSNR | here: absolute error (less is better) | " in text.replace("\\", "")
    assert "here: absolute error (less is better), mean image |" in text.replace("\\", "")
    assert "| 17.26 | 12.00 | - | - |" in text.replace("\\", "")


def test_what_is_finished_is_not_trained_again_and_what_is_not_is_continued(runs: Path, trainings: Trainings):
    trainings.ends = {ROWS[2].replace("-", "_"): 143}
    assert table_command([TABLE]) == 143  # told to stop
    assert started(trainings) == ROWS[:3]
    trainings.commands, trainings.ends = [], {}
    assert table_command([TABLE]) == 0
    assert started(trainings) == [f"{ROWS[2]}+", *ROWS[3:]]


def test_a_row_that_was_only_scored_on_the_way_is_continued(runs: Path, trainings: Trainings):
    table_command([TABLE])
    run, other = RunDir(runs / TABLE / ROWS[0]), RunDir(runs / TABLE / ROWS[1])
    write_scores(run, run.config(), position=800)
    write_scores(other, other.config(), val={"position": 6400, "num_images": 1, "scores": SCORES})
    assert table_command([TABLE, "--show"]) == 0
    trainings.commands = []
    assert table_command([TABLE]) == 0
    assert started(trainings) == [f"{ROWS[0]}+", f"{ROWS[1]}+"]


def test_the_length_can_be_changed_for_all_rows_but_not_of_begun_ones(runs: Path, trainings: Trainings):
    assert table_command([TABLE, "--kimg", "0.5"]) == 0
    assert all(arguments[-4:-2] == ["--train.total-kimg", "0.5"] for arguments in trainings.commands)
    trainings.commands = []
    assert table_command([TABLE, "--kimg", "0.5"]) == 0
    with pytest.raises(ConfigError, match=rf"{ROWS[0]}.*with other settings: train.total_kimg = 0.5, and not 2.4\. "):
        table_command([TABLE])
    assert trainings.commands == []


def test_rows_can_be_chosen_by_title_or_preset(runs: Path, trainings: Trainings, capsys):
    assert table_command([TABLE, "--rows", "l1+cgan", ROWS[1], "--seeds", "2"]) == 0
    chosen = [ROWS[1], ROWS[4]]
    assert started(trainings) == [*chosen, *(f"{row}-seed1" for row in chosen)]
    assert "L1+GAN" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"rows = 'WGAN': is no row of this table; choose from 'L1', 'GAN'"):
        table_command([TABLE, "--rows", "GAN", "WGAN"])


def test_all_rows_are_trained_with_one_seed_before_the_next(runs: Path, trainings: Trainings):
    assert table_command([TABLE]) == 0
    trainings.commands = []
    assert table_command([TABLE, "--seeds", "3"]) == 0
    assert started(trainings) == [f"{row}-seed{number}" for number in (1, 2) for row in ROWS]
    seeds = [RunDir(runs / TABLE / name).config().train.seed for name in (ROWS[0], f"{ROWS[0]}-seed2")]
    assert seeds == [0, 2]
    trainings.commands = []
    assert table_command([TABLE, "--seeds", "3"]) == 0
    assert trainings.commands == []


def test_a_cell_of_several_seeds_is_their_mean_and_spread(runs: Path, trainings: Trainings, capsys):
    missing = f"{ROWS[1]}-seed2"
    trainings.ends = {missing.replace("-", "_"): 1}
    assert table_command([TABLE, "--seeds", "3"]) == 1
    for name, psnr in ((f"{ROWS[0]}-seed1", 18.257), (f"{ROWS[0]}-seed2", 19.257)):
        run = RunDir(runs / TABLE / name)
        entry = {"position": 1, "num_images": 1, "scores": {**SCORES, "eval/psnr": psnr}}
        write_scores(run, run.config(), test=entry)
    capsys.readouterr()
    assert table_command([TABLE, "--show", "--seeds", "3"]) == 0
    text = (runs / TABLE / "table.md").read_text()
    assert "Ours: mean ± sample standard deviation over 3 seeds." in text
    assert "| 0.50 ± 0.00 | 18.26 ± 1.00 | - |" in text  # of 17.257, 18.257, 19.257
    assert "17.26 ± 0.00 (2 of 3) | - |" in text.replace("\\", "")
    assert "sample standard deviation over 3 seeds" in capsys.readouterr().out
    assert table_command([TABLE, "--show"]) == 0
    assert "±" not in (runs / TABLE / "table.md").read_text()


def test_what_needs_no_training_stands_below_the_rows_without_spread():
    baselines = {"baseline/mean/psnr": 13.264, "baseline/identity/psnr": 14.0, "baseline/mean/pixel_accuracy": 0.5}
    lines = markdown(TABLES[TABLE], {ROWS[0]: [baselines | SCORES, baselines | SCORES]}, seeds=3).splitlines()
    assert lines[-2:] == [
        "| mean image | - | - | - | 0.50 | - | - | 13.26 | - |",
        "| identity | - | - | - | - | - | - | 14.00 | - |",
    ]


def test_there_is_at_least_one_seed(runs: Path, trainings: Trainings, capsys):
    with pytest.raises(SystemExit):
        table_command([TABLE, "--seeds", "0"])
    assert "seeds = 0: use 1 or more" in capsys.readouterr().err
    assert trainings.commands == []


def test_where_runs_are_of_one_length_on_one_set_and_at_which_cost_is_said(runs: Path, trainings: Trainings, capsys):
    for table in TABLES.values():
        configs = [load_preset(row.preset) for row in table.rows]
        assert len({(config.train.total_kimg, config.data) for config in configs}) == 1
    assert table_command([TABLE, "--kimg", "0.5"]) == 0
    run = RunDir(runs / TABLE / ROWS[0])
    run.run_file.write_text(json.dumps(json.loads(run.run_file.read_text()) | {"machines": ["1 rank, 2 cores of X"]}))
    assert table_command([TABLE, "--kimg", "0.5", "--show"]) == 0
    text = (runs / TABLE / "table.md").read_text().replace("\\", "")
    told = "Ours: satellite -> map of data/earth-64, 64 x 64 pixels, 0.5 thousand images seen by each run"
    assert f"{told}, scored on 1 image of test. The paper's are of other images" in text
    assert "Time is that of training, on 1 rank, 2 cores of X." in text
    assert "of data/earth-64, 64 x 64 pixels" in " ".join(capsys.readouterr().out.split())


def test_an_unknown_table_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="table = 'pix2pix': there are: pix2pix-losses, pix2pix-generators"):
        table_command(["pix2pix"])


SAVES_ITSELF = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
open("ready", "w").close()
time.sleep(30)
"""


def test_a_stop_is_passed_on_to_the_run_that_saves_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def stop() -> None:
        while not Path("ready").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=stop)
    thread.start()
    assert sweeps.tables.run.run_to_end([sys.executable, "-c", SAVES_ITSELF]) == 143
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_command_is_there():
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli", "table", "--help"], capture_output=True, text=True, check=True
    )
    assert "pix2pix-losses" in done.stdout
    assert "--show" in done.stdout

"""A run that fails before its first step does not keep its name."""

from pathlib import Path

import pytest

from launch.cli import main
from tests.shrink import shrink
from trainer.presets import DEFAULT, load_preset
from trainer.runs.rundir import RunDir


def train(dataset: Path, runs: Path) -> int:
    """Of more ranks than any machine has cores."""
    data = ["--data.path", str(dataset), "--data.view-a", "a", "--data.view-b", "b", "--engine.device", "cpu"]
    return main(["train", *data, "--runs", str(runs), "--name", "first", "--num-procs", "100000"])


def test_nothing_is_left_of_a_run_that_could_not_start(
    tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert train(tiny_dataset, tmp_path) == 2
        assert "num_procs = 100000" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_stay(tiny_dataset: Path, tmp_path: Path) -> None:
    notes = tmp_path / "first" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("why")
    assert train(tiny_dataset, tmp_path) == 2
    assert [path.name for path in notes.parent.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("begun", ["metrics.jsonl", "samples/00000004.png", "checkpoints/00000004/state.json"])
def test_what_has_begun_is_kept(begun: str, tiny_dataset: Path, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    run.create(shrink(load_preset(DEFAULT), dataset=tiny_dataset), preset=DEFAULT, command=[])
    (run.path / begun).parent.mkdir(exist_ok=True)
    (run.path / begun).write_text("{}\n")
    run.discard_unless_begun()
    assert run.run_file.exists()
    assert (run.path / begun).exists()

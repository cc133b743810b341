"""`diptych verify RUN`."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.cli import main
from tests.tiny_run import POSITION
from trainer.runs.rundir import RunDir

Said = pytest.CaptureFixture[str]


@pytest.fixture
def run(tiny_run: RunDir) -> RunDir:
    tiny_run.metrics_file.write_text('{"position": 8, "loss/l1": 0.5}\n')
    tiny_run.evaluation_file.write_text('{"test": {"position": 8, "num_images": 3, "scores": {}}}')
    tiny_run.sample_file(8).write_bytes(b"picture")
    logs = tiny_run.path / "wandb" / "offline-run-1" / "logs"
    logs.mkdir(parents=True)
    (logs / "debug.log").write_text("")
    (tiny_run.path / "wandb" / "debug.log").symlink_to("offline-run-1/logs/debug.log")  # as W&B does
    return tiny_run


def test_a_whole_run_is_whole(run: RunDir, capsys: Said):
    assert main(["verify", str(run.path)]) == 0
    assert capsys.readouterr().out == f"{run.path} is whole.\n"


@pytest.mark.parametrize("name", ["nothing", "samples"])
def test_no_run_is_wrong_usage(name: str, run: RunDir, capsys: Said):
    assert main(["verify", str(run.path / name)]) == 2
    assert "holds no run.json" in capsys.readouterr().err


CHECKPOINT = f"checkpoints/{POSITION:08d}"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def link(path: Path) -> None:
    path.rename(path.with_name("away"))
    path.symlink_to("away")


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def garble(path: Path) -> None:
    path.write_bytes(b"{\n" + path.read_bytes())


DAMAGES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "run.json garbled": ("run.json", garble, "run.json': is not JSON"),
    "run.json linked": ("run.json", link, "run.json': is a link"),
    "metrics garbled": ("metrics.jsonl", garble, "line 1 is damaged"),
    "metrics a pipe": ("metrics.jsonl", as_pipe, "metrics.jsonl': is no regular file"),
    "evaluation garbled": ("evaluation.json", garble, "evaluation.json': is not JSON"),
    "weights flipped": (f"{CHECKPOINT}/ema.pt", flip, "is damaged: ema.pt has changed"),
    "weights gone": (f"{CHECKPOINT}/ema.pt", Path.unlink, "is damaged: ema.pt is missing"),
    "state flipped": (f"{CHECKPOINT}/state.json", flip, "is damaged: state.json "),
    "state gone": (f"{CHECKPOINT}/state.json", Path.unlink, "is damaged: it holds no state.json"),
    "checkpoint linked": (CHECKPOINT, link, "is a link to"),
    "checkpoints linked": ("checkpoints", link, "is a link to"),
    "sample linked": ("samples/00000008.png", link, "00000008.png is a link"),
    "sample a pipe": ("samples/00000008.png", as_pipe, "00000008.png is no regular file"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_named(name: str, run: RunDir, capsys: Said):
    place, damage, words = DAMAGES[name]
    damage(run.path / place)
    assert main(["verify", str(run.path)]) == 1
    said = capsys.readouterr().out
    assert words in said
    assert f"{run.path} is damaged, in " in said.splitlines()[-1]


def test_settings_of_wandb_and_links_out_of_its_folder_are_damage(run: RunDir, capsys: Said):
    (run.path / "wandb" / "settings").write_text("[default]\nbase_url = http://127.0.0.1:9\n")
    (run.path / "wandb" / "latest-run").symlink_to("/")
    assert main(["verify", str(run.path)]) == 1
    said = capsys.readouterr().out
    assert "would tell W&B where to send your key" in said
    assert "latest-run is a link" in said


def test_what_is_merely_odd_is_a_note(run: RunDir, capsys: Said):
    (run.path / "ideas.txt").write_text("mine")
    (run.path / "checkpoints" / ".00000024.tmp").mkdir()
    (run.path / ".diptych-0123456789abcdef.tmp").write_text("")
    (run.path / "zero_to_fp32.py").write_text("")
    assert main(["verify", str(run.path)]) == 0
    said = capsys.readouterr().out
    assert said.count("note: ") == 4
    for words in ("ideas.txt is none of", "24.tmp is left from", "def.tmp is left from", "fp32.py is a program"):
        assert words in said

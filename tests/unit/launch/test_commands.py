"""The commands: each is a file, and all give the same exit status for the same mistake."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import pytest

import launch.commands
from launch.cli import commands, main
from tests.tiny_run import tiny_config, write_tiny_run
from tests.unit.data.tiny_shards import write_noisy_dataset
from trainer.presets import load_preset, preset_names
from trainer.runs.rundir import RunDir

ROOT = Path(__file__).resolve().parents[3]

GREETING = '''"""`diptych greet NAME`: say hello.

Or not.
"""


def main(argv: list[str]) -> int:
    print("hello", *argv)
    return 7
'''


def status_of(arguments: list[str]) -> int:
    """The exit status of a command, whether it returns it or ends the process with it."""
    try:
        return main(arguments)
    except SystemExit as exit_:
        assert isinstance(exit_.code, int)
        return exit_.code


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_command_is_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "greet.py").write_text(GREETING)
    monkeypatch.setattr(launch.commands, "__path__", [*launch.commands.__path__, str(tmp_path)])
    assert main(["--help"]) == 0
    assert re.search(r"^  greet NAME  +say hello$", capsys.readouterr().out, re.MULTILINE)
    assert main(["greet", "you"]) == 7
    assert capsys.readouterr().out == "hello you\n"
    monkeypatch.delitem(sys.modules, "launch.commands.greet")


def test_help_lists_every_command_and_imports_none() -> None:
    program = (
        "import sys; from launch.cli import main; main(['--help'])\n"
        "print(sorted(name for name in sys.modules if name.startswith(('launch.', 'trainer', 'sharding', 'tyro'))))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    *lines, imported = done.stdout.splitlines()
    assert imported == "['launch.cli', 'launch.commands']"
    assert [line.split()[0] for line in lines if line.startswith("  ")] == sorted(commands())
    assert {
        "checkpoint",
        "evaluate",
        "launch",
        "presets",
        "sample",
        "shard",
        "sweep",
        "table",
        "train",
        "translate",
        "verify",
    } <= set(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of([name, "--help"]) == 0
    assert f"usage: diptych {name}" in capsys.readouterr().out


def test_the_version_and_the_commit_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(rf"diptych {re.escape(version('diptych'))} \(([0-9a-f]{{40}}\+?|outside a checkout)\)\n", said)


def test_the_commit_is_not_that_of_a_repository_in_which_we_lie(tmp_path: Path) -> None:
    """As in a virtual environment within somebody's project."""
    (tmp_path / "trainer" / "runs").mkdir(parents=True)
    for name in ("trainer/__init__.py", "trainer/runs/__init__.py", "trainer/runs/provenance.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    asked = [sys.executable, "-c", "from trainer.runs.provenance import changes, commit; print(commit(), changes())"]
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"}

    def told() -> str:
        done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert told() == "None"
    subprocess.run([*git, "add", "trainer/runs/provenance.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "ours"], check=True)
    assert re.fullmatch("[0-9a-f]{40}", told())
    with (tmp_path / "trainer" / "runs" / "provenance.py").open("a") as file:
        file.write("# one line more")
    assert re.fullmatch(r"[0-9a-f]{40}\+ diff --git .*\n\+# one line more\n.*", told(), flags=re.DOTALL)


OF_A_RUN = [
    ["evaluate", "nowhere"],
    ["translate", "nowhere", "--in", ".", "--out", "out"],
    ["sample", "nowhere", "--out", "out"],
    ["verify", "nowhere"],
    ["train", "--resume", "nowhere"],
    ["sweep", "--resume", "nowhere"],
]
OF_A_PRESET = [["train", "no-such"], ["launch", "no-such"], ["sweep", "no-such"], ["table", "no-such"]]
OF_A_DATASET = [
    ["train", "--data.path", "nowhere"],
    ["launch", "--data.path", "nowhere"],
    ["sweep", "--data.path", "nowhere"],
    ["shard", "verify", "nowhere"],
    ["shard", "seal", "nowhere"],
]
OF_A_FOLDER = [
    ["shard", "images", "--folder", "nowhere", "--out", "out"],
    ["shard", "pairs", "--folder", "nowhere", "--out", "out"],
]


@pytest.mark.parametrize("arguments", [*OF_A_RUN, *OF_A_PRESET, *OF_A_DATASET, *OF_A_FOLDER], ids=" ".join)
def test_what_is_not_there_is_wrong_input(arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(arguments) == 2
    said = capsys.readouterr()
    assert "no-such" in said.err or "nowhere" in said.err
    assert said.out == ""
    assert list(here.iterdir()) == []


OF_A_RUN_WITHOUT_DATA = [
    ["evaluate", "run", "--device", "cpu"],
    ["train", "--resume", "run"],
]


@pytest.mark.parametrize("arguments", OF_A_RUN_WITHOUT_DATA, ids=" ".join)
def test_the_data_set_of_a_run_that_is_gone_is_wrong_input(
    arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_noisy_dataset(here / "set")
    run = RunDir(here / "run")
    write_tiny_run(run, tiny_config(here / "set"))
    shutil.rmtree(here / "set")
    assert status_of(arguments) == 2
    assert "set holds no dataset.json" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", OF_A_DATASET, ids=" ".join)
def test_a_damaged_data_set_is_a_failure(arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the user asked for is right: what lies there is not."""
    (here / "nowhere").mkdir()
    (here / "nowhere" / "dataset.json").write_text("{")
    assert status_of(arguments) == 1
    said = capsys.readouterr()
    assert "dataset.json" in said.out + said.err


@pytest.mark.parametrize("arguments", [["no-such"], [], ["train", "--no-such", "1"], ["evaluate"], ["presets", "x"]])
def test_a_wrong_command_line_is_wrong_input(arguments: list[str], here: Path) -> None:
    assert status_of(arguments) == 2
    assert list(here.iterdir()) == []


def test_presets_are_listed_with_what_they_are_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [(line.strip(), told) for line, told in pairwise(lines) if re.match(r"  \S", line)]
    assert sorted(name for name, _ in named) == preset_names()
    assert all(told.startswith("      ") for _, told in named)
    assert load_preset(named[0][0])

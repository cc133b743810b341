"""The display is not the work: who reads what is printed, and whether anybody does, decides nothing."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch import cli
from launch.commands import presets
from sharding.console import make_console
from trainer.monitoring.console import ConsoleLogger
from trainer.ranks.threads import share_cores


def broken_pipe() -> io.TextIOWrapper:
    """As of a `head` that has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def test_a_listing_that_nobody_reads_to_its_end_ends_quietly() -> None:
    with broken_pipe() as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "launch.cli", "presets"], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == ""
    assert done.returncode == 141


def test_training_goes_on_without_a_reader() -> None:
    with broken_pipe() as pipe:
        logger = ConsoleLogger(total=8, position=0, console=make_console(file=pipe))
        for position in (4, 8):
            logger.log({"position": position, "eval/psnr": 20.0})
            logger.picture(Path("runs/a/samples/00000004.png"), position)
        logger.close()


def test_a_dumb_terminal_has_lines_instead_of_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    file = io.StringIO()
    logger = ConsoleLogger(total=8, position=0, console=make_console(file=file, force_terminal=True))
    logger.log({"position": 8, "loss/generator/l1": 1.0})
    logger.close()
    assert "8/8 images" in file.getvalue()


def test_errors_go_to_stderr_whatever_the_console_prints_to(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().error("the disk is full")
    said = capsys.readouterr()
    assert said.out == ""
    assert "the disk is full" in said.err


def test_an_interrupted_command_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(presets, "main", interrupted)
    assert cli.main(["presets"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_waiting_threads_sleep_and_the_users_number_of_threads_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    share_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "OMP_NUM_THREADS" not in os.environ
    share_cores(3)
    share_cores(5)
    assert os.environ["OMP_NUM_THREADS"] == "3"
    monkeypatch.undo()


@pytest.mark.parametrize("arguments", [["evaluate", "nowhere"], ["translate", "nowhere", "--in", ".", "--out", "o"]])
def test_commands_set_it_before_torch_is_imported(arguments: list[str]) -> None:
    asked = f"import os; from launch.cli import main; main({arguments}); print(os.environ['OMP_WAIT_POLICY'])"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "PASSIVE"

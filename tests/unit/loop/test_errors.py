"""How a rank ends when it fails: its exit status, what it puts on record, and what it says."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sharding.errors import DatasetError
from trainer.checkpoints.layout import CheckpointError
from trainer.config.errors import ConfigError
from trainer.loop.errors import TrainingDivergedError, exit_status, failures_recorded
from trainer.main import main
from trainer.ranks.exits import CRASHED, FAILED, WRONG_INPUT
from trainer.ranks.failures import ERROR_VARIABLE, is_secondary

ROOT = Path(__file__).parents[3]
LOST = RuntimeError("[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:4")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("train.total_kimg", 0, "use more."), WRONG_INPUT),
        (DatasetError("no dataset.json"), WRONG_INPUT),
        (CheckpointError("the disk is full"), FAILED),
        (TrainingDivergedError("loss/generator/l1 is nan"), FAILED),
        (OSError(errno.ENOSPC, "No space left on device"), FAILED),
        (OSError(errno.ESTALE, "Stale file handle"), CRASHED),
        (RuntimeError("CUDA out of memory"), CRASHED),
        (LOST, CRASHED),
        (caused(CheckpointError("could not write it"), LOST), CRASHED),
    ],
)
def test_the_exit_status_tells_what_helps(error: Exception, status: int):
    assert exit_status(error) == status


@pytest.mark.parametrize(
    ("error", "secondary"),
    [
        (LOST, True),
        (caused(CheckpointError("could not write it"), LOST), True),
        (RuntimeError("Application timeout caused pair closure"), True),
        (type("DistBackendError", (RuntimeError,), {})("NCCL error: ncclRemoteError"), True),
        (type("DistBackendError", (RuntimeError,), {})("ncclUnhandledCudaError: 'out of memory'"), False),
        (RuntimeError("CUDA out of memory"), False),
        (ValueError("Connection closed by peer"), False),
        (None, False),
    ],
)
def test_an_error_that_only_tells_of_others_is_told_apart(error: Exception | None, secondary: bool):
    assert is_secondary(error) == secondary


def test_the_first_failure_is_the_one_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "error.json"
    for name, value in {ERROR_VARIABLE: str(file), "RANK": "3", "DIPTYCH_HOST": "n2"}.items():
        monkeypatch.setenv(name, value)
    for error in (ConfigError("data.path", "x", "is gone."), LOST):
        with pytest.raises(type(error)), failures_recorded():
            raise error
    record = json.loads(file.read_text())
    assert (record["rank"], record["host"], record["exit"], record["secondary"]) == (3, "n2", WRONG_INPUT, False)
    assert record["error"].startswith("ConfigError: data.path = 'x'")
    assert "raise error" in record["traceback"]


def test_a_rank_says_and_records_that_there_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("RANK", "1")
    assert main(tmp_path) == WRONG_INPUT
    assert capsys.readouterr().err == ""  # the main rank says the same, and there is no log of this one
    monkeypatch.setenv(ERROR_VARIABLE, str(tmp_path / "error.json"))
    assert main(tmp_path) == WRONG_INPUT
    assert "error on rank 1: run = " in capsys.readouterr().err
    assert json.loads((tmp_path / "error.json").read_text())["exit"] == WRONG_INPUT


def started(code: str, error_file: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), ERROR_VARIABLE: str(error_file), "DIPTYCH_ATTEMPT": "1"}
    return subprocess.run([sys.executable, "-c", code], check=False, env=environment, capture_output=True, text=True)


IMPORT_FAILS = """
import sys
from pathlib import Path
import trainer.main
trainer.main.open_run = lambda run: None
sys.modules["deepspeed"] = sys.modules["torch"] = None
sys.exit(trainer.main.main(Path("run")))
"""


def test_an_import_that_fails_is_recorded_with_its_traceback(tmp_path: Path):
    ended = started(IMPORT_FAILS, tmp_path / "error.json")
    assert ended.returncode == CRASHED
    assert "Traceback" in ended.stderr
    record = json.loads((tmp_path / "error.json").read_text())
    assert record["exit"] == CRASHED
    assert "import of torch halted" in record["error"]


CRASHES = """
import os, signal
from trainer.ranks.failures import watch_for_crashes
watch_for_crashes()
def deep_inside():
    os.kill(os.getpid(), signal.SIGSEGV)
deep_inside()
"""


def test_a_crash_says_where_it_was(tmp_path: Path):
    ended = started(CRASHES, tmp_path / "error.json")
    assert ended.returncode == -signal.SIGSEGV
    assert "in deep_inside" in ended.stderr

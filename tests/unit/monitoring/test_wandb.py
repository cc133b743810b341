"""W&B, real and offline: what it keeps, and that no network neither stops nor stalls a run."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import wandb
from PIL import Image

from sweeps.spaces.overrides import apply
from sweeps.trials import in_group, named
from tests.scores import ABSOLUTE_ERROR
from tests.unprivileged import run_unprivileged, shared_folder
from trainer.config.errors import ConfigError
from trainer.config.log import LogConfig
from trainer.config.section import check_section
from trainer.evaluation.scores import SCORES, summaries
from trainer.monitoring.wandb import WandbLogger
from trainer.monitoring.wandb_folder import is_own_link
from trainer.monitoring.wandb_mode import choose_mode, project
from trainer.presets import DEFAULT, load_preset
from trainer.runs.config import config_to_dict, flatten


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither key nor mode of whoever runs the tests; W&B reads its settings once in a process, so it starts anew."""
    wandb.teardown()
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def log_a_little(config: LogConfig, folder: Path) -> WandbLogger:
    folder.mkdir()
    Image.new("RGB", (4, 4)).save(folder / "grid.png")
    logger = WandbLogger(config, folder=folder, run_id="abc123", values={"train": {"seed": 7}})
    logger.log({"position": 4, "loss/generator/l1": 12.5})
    logger.picture(folder / "grid.png", 4)
    logger.close()
    return logger


def only_part(folder: Path) -> Path:
    (part,) = (folder / "wandb").glob("offline-run-*-abc123")
    return part


def records(folder: Path) -> str:
    """All that the run's file holds, as W&B itself reads it."""
    run = only_part(folder)
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def parsed(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in records(folder).splitlines() if line]


def test_an_offline_run_keeps_metrics_config_group_and_pictures(tmp_path: Path):
    logger = log_a_little(LogConfig(wandb="offline", wandb_group="sweep-1"), tmp_path / "run")
    assert logger.notice is None
    kept = records(tmp_path / "run")
    for word in ("loss/generator/l1", "12.5", "sweep-1", "seed"):
        assert word in kept
    assert [json.loads(line) for line in kept.splitlines() if line]
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/files/media/images/*.png"))


@pytest.mark.parametrize("disabled", [False, True])
def test_what_the_commit_lacks_is_a_file_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disabled: bool):
    if disabled:
        monkeypatch.setenv("WANDB_DISABLE_CODE", "true")
    folder = tmp_path / "run"
    folder.mkdir()
    options: dict[str, Any] = {"run_id": "abc123", "values": {}, "changes": lambda: "+one line more"}
    WandbLogger(LogConfig(wandb="offline"), folder=folder, **options).close()
    files = [file["path"] for record in parsed(folder) for file in record.get("files", {}).get("files", [])]
    assert ("changes.diff" in files) is not disabled
    if not disabled:
        assert (only_part(folder) / "files" / "changes.diff").read_text() == "+one line more"


def test_the_best_value_of_a_score_stands_for_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(SCORES, ABSOLUTE_ERROR.name, ABSOLUTE_ERROR)
    folder = tmp_path / "run"
    folder.mkdir()
    logger = WandbLogger(LogConfig(wandb="offline"), folder=folder, run_id="abc123", values={}, summaries=summaries())
    for position, psnr, error in ((4, 17.5, 9.5), (8, 18.5, 8.5), (12, 16.5, 10.5)):
        logger.log({"position": position, "eval/psnr": psnr, "eval/absolute_error": error, "lr": psnr})
    logger.close()
    kept: dict[str, Any] = {}
    for line in records(folder).splitlines():
        kept |= json.loads(line).get("summary", {}).get("update", {})
    assert kept["eval/psnr"] == {"max": 18.5}
    assert kept["eval/absolute_error"] == {"min": 8.5}
    assert kept["lr"] == 16.5  # the last


def test_without_a_key_auto_is_offline_and_says_nothing():
    assert choose_mode(LogConfig(wandb="auto")) == ("offline", None)


def test_the_environments_mode_counts_for_auto(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert choose_mode(LogConfig(wandb="auto")) == ("disabled", None)


@pytest.mark.parametrize(
    ("configured", "environment", "mode"),
    [
        ("online", "offline", "offline"),
        ("online", "dryrun", "offline"),
        ("online", "disabled", "disabled"),
        ("offline", "disabled", "disabled"),
        ("offline", "online", "offline"),
        ("auto", "offline", "offline"),
        ("disabled", "online", "disabled"),
    ],
)
def test_the_more_private_mode_counts(monkeypatch: pytest.MonkeyPatch, configured: Any, environment: str, mode: str):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_MODE", environment)
    # Not the real server, which answers where there is a network.
    monkeypatch.setattr("trainer.monitoring.wandb_mode._answers", lambda server: True)
    assert choose_mode(LogConfig(wandb=configured)) == (mode, None)


def test_a_misspelt_mode_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "ofline")
    with pytest.raises(ConfigError, match="WANDB_MODE = 'ofline'"):
        choose_mode(LogConfig())


@pytest.mark.parametrize("place", ["wandb", "wandb/offline-run-20310101_000000-abc123", "wandb/x/files"])
def test_links_in_a_received_run_are_not_written_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str):
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    elsewhere.mkdir()
    (elsewhere / "debug.log").write_text("the user's own")  # W&B removes what has this name
    (run / place).parent.mkdir(parents=True)
    (run / place).symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="is a link to"):
        WandbLogger(LogConfig(wandb="offline"), folder=run, run_id="abc123", values={})
    assert [path.name for path in elsewhere.iterdir()] == ["debug.log"]
    assert (elsewhere / "debug.log").read_text() == "the user's own"


def test_the_links_that_wandb_lays_itself_do_not_stop_the_next_part_of_a_run(tmp_path: Path):
    for _ in range(2):
        logger = WandbLogger(LogConfig(wandb="offline"), folder=tmp_path, run_id="abc123", values={})
        logger.log({"position": 1})
        logger.close()
    links = [path for path in (tmp_path / "wandb").rglob("*") if path.is_symlink()]
    assert {"debug-core.log", "latest-run"} <= {path.name for path in links}
    assert all(is_own_link(path, folder=tmp_path / "wandb") for path in links)


@pytest.mark.parametrize("project", ["", "a/b", "x" * 129])
def test_a_project_that_wandb_refuses_is_told_before_the_run(project: str):
    with pytest.raises(ConfigError, match=r"log\.wandb_project"):
        check_section(LogConfig(wandb_project=project), "log")


def test_a_server_that_does_not_answer_is_told_at_once(monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("WANDB_BASE_URL", url)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    began = time.monotonic()
    mode, notice = choose_mode(LogConfig(wandb="auto"))
    assert mode == "offline"
    assert notice is not None
    assert url in notice
    assert time.monotonic() - began < 30


class Refusing(BaseHTTPRequestHandler):
    """A server that is there, and refuses everything, or says nothing at all."""

    asked: ClassVar[list[str]] = []
    status: ClassVar[int | None] = 401
    ended: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        self.asked.append(self.path)
        if self.status is None:
            self.ended.wait()
            return
        self.send_response(self.status)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def refusing_server() -> Iterator[str]:
    Refusing.asked.clear()
    Refusing.ended.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    Refusing.ended.set()
    server.shutdown()


@pytest.mark.parametrize(
    "status",
    [401, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.soak]), pytest.param(None, marks=pytest.mark.slow)],
)
def test_a_server_that_refuses_or_hangs_does_not_stop_the_run(
    refusing_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int | None
):
    monkeypatch.setattr(Refusing, "status", status)
    monkeypatch.setattr("trainer.monitoring.wandb._INIT_TIMEOUT_S", 5)
    monkeypatch.setenv("WANDB_BASE_URL", refusing_server)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    logger = log_a_little(LogConfig(wandb="online"), tmp_path / "run")
    assert Refusing.asked
    assert logger.notice is not None
    assert "wandb sync" in logger.notice
    assert "12.5" in records(tmp_path / "run")


LOG_A_LITTLE = """
import sys
from pathlib import Path
from trainer.config.log import LogConfig
from trainer.monitoring.wandb import WandbLogger

logger = WandbLogger(LogConfig(wandb=sys.argv[1]), folder=Path.cwd(), run_id="abc123", values={})
logger.log({"position": 4})
logger.close()
print(logger.notice)
"""


@pytest.mark.parametrize(("mode", "notice"), [("offline", "Could not determine home directory"), ("disabled", "None")])
def test_a_user_without_a_home_trains_without_wandb(mode: str, notice: str):
    with shared_folder() as folder:
        done = run_unprivileged("-c", LOG_A_LITTLE, mode, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert notice in done.stdout


def failing(*_: Any, **__: Any) -> None:
    raise RuntimeError("W&B has a bad day")


@pytest.mark.parametrize("what", ["log", "finish"])
def test_what_wandb_fails_at_later_is_told_once_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
):
    logger = WandbLogger(LogConfig(wandb="offline"), folder=tmp_path, run_id="abc123", values={})
    monkeypatch.setattr(logger._run, what, failing)
    for position in (4, 8):
        logger.log({"position": position})
    logger.close()
    said = capsys.readouterr().err
    assert said.count("W&B has a bad day") == 1
    assert "training goes on without" in said


def test_wandb_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wandb, "init", failing)
    logger = log_a_little(LogConfig(wandb="offline"), tmp_path / "run")
    assert logger.notice is not None
    assert "W&B has a bad day" in logger.notice


def test_wandb_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    logger = log_a_little(LogConfig(wandb="offline"), tmp_path / "run")
    assert logger.notice is not None
    assert "ModuleNotFoundError" in logger.notice


def test_disabled_wandb_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert log_a_little(LogConfig(wandb="auto"), tmp_path / "run").notice is None


def test_the_environment_names_project_and_entity_unless_the_run_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert project(LogConfig()) == "diptych"
    monkeypatch.setenv("WANDB_PROJECT", "birds")
    monkeypatch.setenv("WANDB_ENTITY", "ornithologists")
    monkeypatch.setenv("WANDB_MODE", "dryrun")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)  # which would make `auto` online
    assert project(LogConfig(wandb_project="fish")) == "fish"
    log_a_little(LogConfig(), tmp_path / "run")
    (started,) = (record["run"] for record in parsed(tmp_path / "run") if "run" in record)
    assert (started["project"], started["entity"]) == ("birds", "ornithologists")


def test_a_project_of_the_environment_that_wandb_refuses_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_PROJECT", "a/b")
    with pytest.raises(ConfigError, match="WANDB_PROJECT = 'a/b'"):
        project(LogConfig())


def test_the_steps_of_all_offline_parts_go_on(tmp_path: Path):
    parts = []
    for positions in ((4, 8, 8), (8, 12)):  # the second part begins at a checkpoint of the first's
        logger = WandbLogger(LogConfig(wandb="offline"), folder=tmp_path, run_id="abc123", values={})
        for position in positions:
            logger.log({"position": position})
        logger.close()
        parts.append([record["history"]["step"]["num"] for record in parsed(tmp_path) if "history" in record])
        shutil.move(only_part(tmp_path), tmp_path / f"part-{len(parts)}")
    assert parts == [[4, 8, 9], [10, 12]]


def test_a_trial_is_called_by_what_it_changes_and_its_hyperparameters_are_flat(tmp_path: Path):
    """Read back from what an offline run keeps."""
    changes = {"method.weight_l1": 31.0, "method.generator.skips": "add"}
    config = named(apply(in_group(load_preset(DEFAULT), "nightly"), changes), "003", changes)
    log = replace(config.log, wandb="offline")
    values = flatten(config_to_dict(config))
    WandbLogger(log, folder=tmp_path, run_id="abc123", values=values).close()
    (run,) = (found["run"] for found in parsed(tmp_path) if "run" in found)
    assert (run["display_name"], run["run_group"]) == ("003 weight_l1=31 skips=add", "nightly")
    kept = run["config"]["update"]
    assert (kept["method.weight_l1"], kept["method.generator.skips"]) == (31.0, "add")
    assert kept["train.total_kimg"] == config.train.total_kimg


def test_a_run_imports_nothing_that_it_does_not_give_wandb(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from trainer.config.log import LogConfig
from trainer.monitoring.wandb import WandbLogger
logger = WandbLogger(LogConfig(wandb="offline"), folder=Path(sys.argv[1]), run_id="abc123", values={"a": 1})
logger.log({"position": 4, "loss/generator/l1": 1.0})
logger.close()
print(logger.notice, sorted({"pandas", "wandb.apis.public", "wandb.sdk.launch.inputs.internal"} & {*sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "None []"

"""W&B, real and offline: what it keeps, and that no network neither stops nor stalls a run."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import wandb
from PIL import Image

from tests.scores import ABSOLUTE_ERROR
from trainer.config.errors import ConfigError
from trainer.config.log import LogConfig
from trainer.config.section import check_section
from trainer.evaluation.scores import SCORES, summaries
from trainer.monitoring.wandb import WandbLogger, choose_mode, is_own_link


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither key nor mode of whoever runs the tests; W&B reads its settings once in a process, so it starts anew."""
    wandb.teardown()
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
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


def records(folder: Path) -> str:
    """All that the run's file holds, as W&B itself reads it."""
    (run,) = (folder / "wandb").glob("offline-run-*-abc123")
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_an_offline_run_keeps_metrics_config_group_and_pictures(tmp_path: Path):
    logger = log_a_little(LogConfig(wandb="offline", wandb_group="sweep-1"), tmp_path / "run")
    assert logger.notice is None
    kept = records(tmp_path / "run")
    for word in ("loss/generator/l1", "12.5", "sweep-1", "seed"):
        assert word in kept
    assert [json.loads(line) for line in kept.splitlines() if line]
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/files/media/images/*.png"))


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
    monkeypatch.setattr("trainer.monitoring.wandb._answers", lambda server: True)
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
    assert "wandb sync" in notice
    assert time.monotonic() - began < 10


class Refusing(BaseHTTPRequestHandler):
    """A server that is there, and refuses everything."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.send_response(401)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def refusing_server() -> Iterator[str]:
    Refusing.asked.clear()
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_server_that_refuses_does_not_stop_the_run(
    refusing_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("WANDB_BASE_URL", refusing_server)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    began = time.monotonic()
    logger = log_a_little(LogConfig(wandb="online"), tmp_path / "run")
    assert logger.notice is not None
    assert "12.5" in records(tmp_path / "run")
    assert time.monotonic() - began < 60

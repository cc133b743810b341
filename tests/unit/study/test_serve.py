"""`diptych study serve`: a process that anybody can kill, and one at a time."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.commands.study import main as study
from tests.served import start_server
from tests.unit.study.conftest import Served
from trainer.config.errors import ConfigError
from trainer.study.design import write_design
from trainer.study.store import read_answers


def request(url: str, cookie: str = "", **content: object) -> tuple[dict, str]:
    data = json.dumps(content).encode() if content else None
    asked = urllib.request.Request(url, data, {"content-type": "application/json", "cookie": cookie})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer), answer.headers.get("set-cookie", "").partition(";")[0]


def test_what_was_answered_is_there_after_the_server_was_killed(serve: Callable[..., Served]) -> None:
    folder = (served := serve(num_practice=0, exposure_ms=None)).folder
    write_design(folder, served.design)
    server = start_server(folder)
    try:
        assert "0 participants finished" in server.said
        with pytest.raises(ConfigError, match="in use by process"):
            study(["serve", str(folder), "--port", "0"])
        state, cookie = request(f"{server.url}api/start", ids={})
        request(f"{server.url}api/begin", cookie, trial=0, page="page-one")
        request(f"{server.url}api/answer", cookie, trial=0, choice=0, exposures_ms=[], seconds=1.0)
    finally:
        server.kill()
    assert state["trial"] == 0
    assert len(read_answers(folder)) == 1
    server = start_server(folder, "--host", "0.0.0.0")
    try:
        assert "every machine that reaches this one" in server.said
        port = server.url.rstrip("/").rpartition(":")[2]
        assert request(f"http://127.0.0.1:{port}/api/state", cookie)[0]["trial"] == 1
    finally:
        rest = server.interrupt()
    assert server.process.returncode == 0
    assert "all answers are in" in rest


def test_a_port_that_is_taken_or_none_is_named(serve: Callable[..., Served]) -> None:
    folder = (served := serve()).folder
    write_design(folder, served.design)
    with pytest.raises(ConfigError, match="65535"):
        study(["serve", str(folder), "--port", "70000"])
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        study(["serve", str(folder), "--host", "192.0.2.1", "--port", "0"])


def test_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="diptych study create"):
        study(["serve", str(tmp_path)])

"""`diptych study serve`: a process that anybody can kill, and one at a time."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.commands.study import main as study
from tests.unit.study.conftest import Served
from trainer.config.errors import ConfigError
from trainer.study.design import write_design
from trainer.study.store import read_answers


def request(url: str, cookie: str = "", **content: object) -> tuple[dict, str]:
    data = json.dumps(content).encode() if content else None
    asked = urllib.request.Request(url, data, {"content-type": "application/json", "cookie": cookie})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer), answer.headers.get("set-cookie", "").partition(";")[0]


def start(folder: Path, *flags: str) -> tuple[subprocess.Popen, str, str]:
    """The process, all that it said, and the address of its page."""
    command = [sys.executable, "-m", "launch.cli", "study", "serve", str(folder), "--port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = ""
    while not (found := re.search(r"http://\S+/", said)):
        line = process.stdout.readline()
        assert line, said
        said += line
    return process, said, found[0]


def test_what_was_answered_is_there_after_the_server_was_killed(serve: Callable[..., Served]) -> None:
    folder = (served := serve(num_practice=0, exposure_ms=None)).folder
    write_design(folder, served.design)
    process, said, url = start(folder)
    try:
        assert "0 participants finished" in said
        with pytest.raises(ConfigError, match="in use by process"):
            study(["serve", str(folder), "--port", "0"])
        state, cookie = request(f"{url}api/start", ids={})
        request(f"{url}api/begin", cookie, trial=0, page="page-one")
        request(f"{url}api/answer", cookie, trial=0, choice=0, exposures_ms=[], seconds=1.0)
    finally:
        process.kill()
        process.wait()
    assert state["trial"] == 0
    assert len(read_answers(folder)) == 1
    process, said, url = start(folder, "--host", "0.0.0.0")
    try:
        assert "every machine that reaches this one" in said
        port = url.rstrip("/").rpartition(":")[2]
        assert request(f"http://127.0.0.1:{port}/api/state", cookie)[0]["trial"] == 1
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
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

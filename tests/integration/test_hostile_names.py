"""A stranger's data set whose names are markup, through the real commands: trained, scored, translated, and told."""

import json
import os
import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from PIL import Image

from launch.cli import main
from sharding.format.manifest import FILE_NAME
from sharding.format.manifest_file import seal_manifest
from tests.tiny_run import write_map_dataset

pytestmark = pytest.mark.slow

SEA, LAND, VIEW, TITLE = "sea[/blue]", "[bold]land", "map", "[/]tiny"  # views may not be called so
FLAGS = {
    "data.view-a": "photo",
    "data.view-b": VIEW,
    "data.load-size": "32",
    "data.crop-size": "32",
    "data.num-threads": "1",
    "method.generator.num-downs": "5",
    "method.generator.num-filters": "4",
    "method.discriminator.num-filters": "4",
    "method.discriminator.num-layers": "1",
    "train.batch-size-per-gpu": "2",
    "train.total-kimg": "0.008",
    "log.period-kimg": "0.002",
    "evaluate.period-kimg": "0.004",
    "samples.period-kimg": "0.004",
    "samples.num-rows": "1",
    "log.wandb": "disabled",
    "engine.device": "cpu",
    "engine.precision": "fp32",
}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data[/x]"
    write_map_dataset(folder)
    values = json.loads((folder / FILE_NAME).read_text())
    values["name"] = TITLE
    values["classes"][0]["name"], values["classes"][1]["name"] = SEA, LAND
    (folder / FILE_NAME).write_text(json.dumps(values))
    seal_manifest(folder)
    return folder


def test_names_that_are_markup_are_text_in_every_command(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    flags = [f"--{name}={value}" for name, value in FLAGS.items()]
    assert main(["train", "--data.path", str(dataset), "--name", "[final] run", *flags]) == 0
    said = capfd.readouterr().out
    assert "run: runs/[final] run" in said
    assert f"iou/{SEA} " in said  # at the first scores
    assert f"class IoU: {LAND}" in said  # in the table at the end

    assert main(["train", "--data.path", str(dataset), "--name", "[final] run", *flags]) == 2
    resume = shlex.join(["diptych", "train", "--resume", "runs/[final] run"])
    assert f"continue it with: {resume}" in capfd.readouterr().err

    assert main(["evaluate", "runs/[final] run", "--device", "cpu"]) == 0
    assert f"class IoU: {SEA}" in capfd.readouterr().out
    report = (tmp_path / "runs/[final] run/report.html").read_text()
    assert f"class IoU: {SEA}" in report
    assert shlex.join(["diptych", "translate", "runs/[final] run"]).replace("'", "&#39;") in report

    (tmp_path / "in").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "in/[blue]good.png")
    (tmp_path / "in" / "\x1b]0;owned\x07.png").write_bytes(b"no picture")
    assert main(["translate", "runs/[final] run", "--in", "in", "--out", "out[/]", "--device", "cpu"]) == 1
    said = capfd.readouterr().out
    assert "1 picture translated" in said
    assert "out[/]" in said
    assert "not translated: in/␛]0;owned␇.png cannot be read" in said
    assert "\x1b" not in said


class Speaking(BaseHTTPRequestHandler):
    """A server whose messages would change the terminal."""

    def do_GET(self) -> None:
        self.send_response(403, "\x1b]0;owned\x07[/red]")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def speaking_server() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Speaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("command", [["shard", "verify", "{}/x"], ["train", "--data.path", "{}/[/x]"]])
def test_what_a_server_says_is_text(speaking_server: str, capfd: pytest.CaptureFixture[str], command: list[str]):
    assert main([word.format(speaking_server) for word in command]) == 1
    said = "".join(capfd.readouterr())
    assert "may not be read" in said
    assert not set(said) & {"\x1b", "\x07"}


def test_what_verify_finds_is_text(dataset: Path, capfd: pytest.CaptureFixture[str]):
    strange = os.fsdecode(b"train/\xff[bold]\x1b[2J.tar")
    (dataset / "train/000000.tar").rename(dataset / strange)
    assert main(["shard", "verify", str(dataset)]) == 1
    said = capfd.readouterr().out
    assert "train/000000.tar" in said
    assert str(dataset) in said
    assert "\x1b" not in said

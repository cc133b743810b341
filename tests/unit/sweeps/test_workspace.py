"""A sweep's workspace at W&B, as a server on loopback is asked for it; where W&B is offline, what makes it later."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sweeps.plan import Sweep, SweepDir
from sweeps.trials import in_group
from sweeps.workspace import offer_workspace, workspace_command
from tests.made_sweep import make_sweep
from trainer.config.errors import ConfigError


class Api(BaseHTTPRequestHandler):
    """Knows one user, and takes every view."""

    views: list[dict[str, Any]]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        asked = json.loads(content) if self.path == "/graphql" else {"query": ""}
        if "upsertView" in asked["query"]:
            self.views.append(asked["variables"])
            self._answer({"upsertView": {"view": {"id": "1", "name": "nw-found-v"}, "inserted": True}})
        else:
            self._answer({"viewer": {"id": "1", "entity": "ada", "username": "ada", "teams": {"edges": []}}})

    def _answer(self, data: dict[str, Any]) -> None:
        content = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Api.views = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture
def sweep(tiny_dataset: Path) -> Sweep:
    made = make_sweep(tiny_dataset, algorithm="tpe", second_metric="eval/kid/efficientnet-lite0")
    return make_sweep(tiny_dataset, **{**vars(made), "config": in_group(made.config, "nightly")})


@pytest.fixture
def folder(sweep: Sweep, tmp_path: Path) -> SweepDir:
    folder = SweepDir(tmp_path / "nightly")
    folder.create(sweep)
    return folder


@pytest.mark.slow
def test_a_workspace_opens_with_what_varied_and_what_came_of_it(folder: SweepDir, server: ThreadingHTTPServer) -> None:
    place = f"http://127.0.0.1:{server.server_port}"
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli", "sweep", "workspace", str(folder.path)],
        env=os.environ | {"WANDB_BASE_URL": place, "WANDB_API_KEY": "a" * 40, "WANDB_MODE": "online"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"workspace: {place}/ada/diptych?nw=found\n", done.stderr
    (view,) = Api.views
    assert (view["entityName"], view["projectName"], view["displayName"]) == ("ada", "diptych", "nightly")
    section = json.loads(view["spec"])["section"]
    (runs,) = section["runSets"][0]["filters"]["filters"]
    assert (runs["key"], runs["op"], runs["value"]) == ({"section": "run", "name": "group"}, "=", "nightly")
    search, scores, samples = section["panelBankConfig"]["sections"]
    assert all(shown["isOpen"] for shown in (search, scores, samples))
    parallel, importance = (panel["config"] for panel in search["panels"])
    assert [(column["accessor"], column.get("log"), column.get("inverted")) for column in parallel["columns"]] == [
        ("config:method.weight_l1.value", True, None),
        ("config:method.generator.architecture.value", False, None),
        ("config:method.generator.skips.value", False, None),
        ("summary:eval/psnr", None, False),
        ("summary:eval/kid/efficientnet-lite0", None, True),
    ]
    assert importance["targetKey"] == "eval/psnr"
    assert [panel["config"]["metrics"] for panel in scores["panels"]] == [
        ["eval/psnr"],
        ["eval/kid/efficientnet-lite0"],
    ]
    assert samples["panels"][0]["config"]["mediaKeys"] == ["samples"]


def test_where_wandb_is_offline_a_command_makes_it_later(
    folder: SweepDir, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    told = offer_workspace(folder, sweep)
    assert told == (
        f"W&B is offline: after `wandb sync` of the runs, diptych sweep workspace {folder.path} makes their workspace"
    )
    with pytest.raises(ConfigError, match=r"^log\.wandb = 'offline': workspaces are made online: `wandb login`"):
        workspace_command([str(folder.path)])
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert offer_workspace(folder, sweep) is None

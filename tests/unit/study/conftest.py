"""A study on disk and its web application, with a clock that the test moves."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

from tests.unit.study.studies import design
from trainer.study.answers import Answer
from trainer.study.design import IMAGES, Design
from trainer.study.server import study_app
from trainer.study.sessions import Sessions
from trainer.study.store import read_answers


class Browser:
    """A browser without cookies, in this process."""

    def __init__(self, app: Any, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._client = AsyncClient(transport=ASGITransport(app), base_url="http://study")
        self.cookies = self._client.cookies

    def get(self, path: str) -> Response:
        return self._runner.run(self._client.get(path))

    def post(self, path: str, **content: Any) -> Response:
        return self._runner.run(self._client.post(path, **content))


@dataclass
class Served:
    """A study whose participants are in this process."""

    folder: Path
    design: Design
    runner: asyncio.Runner
    now: float = 1_800_000_000.0
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another process takes over."""
        self.sessions = Sessions(self.folder, self.design, clock=lambda: self.now)

    def client(self) -> Browser:
        """A browser without cookies."""
        return Browser(study_app(self.sessions), self.runner)

    def started(self, **ids: str) -> Browser:
        """A browser that has begun."""
        client = self.client()
        assert client.post("/api/start", json={"ids": ids}).status_code == 200
        return client

    def answers(self) -> list[Answer]:
        """What is on disk."""
        return read_answers(self.folder)

    def see(self, client: Browser, number: int) -> None:
        """Load the images of a trial, and wait for their end."""
        for slot in range(client.get("/api/state").json()["numImages"]):
            assert client.get(f"/image/{number}/{slot}").status_code == 200
        assert client.post("/api/begin", json={"trial": number, "page": "page-one"}).status_code == 200
        self.now += 3

    def reply(self, client: Browser, number: int, choice: int = 0, **fields: Any) -> Any:
        """Answer a trial that was seen."""
        given = {"trial": number, "choice": choice, "exposures_ms": [], "seconds": 0.5} | fields
        return client.post("/api/answer", json=given)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Makes a study of `design(**fields)`, whose images hold their own names."""
    made: list[Served] = []
    runner = asyncio.Runner()

    def make(**fields: Any) -> Served:
        study = design(**fields)
        folder = tmp_path / f"study-{len(made)}"
        (folder / IMAGES).mkdir(parents=True)
        for files in [*study.images.values(), study.checks]:
            for file in files.values():
                (folder / IMAGES / file).write_bytes(file.encode())
        made.append(Served(folder, study, runner))
        return made[-1]

    yield make
    for served in made:
        served.sessions.close()
    runner.close()


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """Real or fake, in twelve trials."""
    return serve()

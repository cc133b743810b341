"""Studies of synthetic pictures in Chromium, which is installed as a package of the system: none is downloaded."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from launch.commands.study import main as study
from tests.served import Server, start_server
from trainer.study.answers import Answer
from trainer.study.store import read_answers

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
_PATIENCE_MS = 120_000  # other processes may have the cores

WATCH_FRAMES = """
window.frames = [];
const watch = (now) => {
  window.frames.push([now, document.querySelectorAll("figure:not(.away)").length]);
  requestAnimationFrame(watch);
};
requestAnimationFrame(watch);
"""
"""Notes each frame of the page, and how many images are on the screen in it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One browser with one page of a study."""

    context: BrowserContext
    page: Page
    url: str
    folder: Path
    wrong: list[str] = field(default_factory=list)
    """What the page complained of."""
    asked: list[str] = field(default_factory=list)
    """Addresses of all that it loaded."""

    def listen(self, page: Page) -> None:
        """Note what a page says and loads."""

        def hear(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.wrong.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def tab(self) -> Page:
        """One more tab, which shows the page."""
        page = self.context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        self.listen(page)
        page.goto(self.url)
        return page

    def question(self) -> None:
        """Wait until an answer is possible."""
        self.page.wait_for_selector("#question:not(.waiting) button:enabled")

    def answers(self) -> list[Answer]:
        """What is on disk."""
        return read_answers(self.folder)


def _write_pictures(folder: Path, *, grain: int) -> None:
    folder.mkdir()
    for number in range(8):
        random = np.random.default_rng((grain, number))
        pixels = random.integers(0, 256, (grain, grain, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((256, 256), Image.Resampling.BICUBIC).save(folder / f"{number}.png")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for grain, name in enumerate(("input", "real", "one", "two")):
        _write_pictures(folder / name, grain=4 + 12 * grain)
    return folder


@pytest.fixture
def visit(chromium: Browser, pictures: Path, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """Makes a study, serves it, and opens its page: `visit("realness", "--num-counted", "3", query="", **context)`."""
    servers: list[Server] = []
    contexts: list[BrowserContext] = []

    def open_study(protocol: str, *flags: str, query: str = "", **settings: Any) -> Visit:
        folder = tmp_path / protocol
        methods = [f"--method={name}={pictures / name}" for name in ("one", "two")]
        given = [f"--real={pictures / 'real'}", f"--input={pictures / 'input'}", f"--protocol={protocol}"]
        assert study(["create", str(folder), *methods, *given, *flags]) == 0
        servers.append(start_server(folder))
        contexts.append(chromium.new_context(**settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.add_init_script(WATCH_FRAMES)
        made = Visit(contexts[-1], page, servers[-1].url, folder)
        made.listen(page)
        page.goto(made.url + query)
        return made

    yield open_study
    for context in contexts:
        context.close()
    for server in servers:
        server.kill()

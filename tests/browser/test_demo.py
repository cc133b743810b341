"""The demo in a real browser: a stroke is drawn with a class's brush, and a picture is shown."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE
from tests.served import Server, start_command
from tests.shrink import shrink_section
from tests.tiny_run import CLASSES, tiny_config, write_map_dataset, write_tiny_run
from tests.unit.labelled import SIDE, config_of, write_labelled_dataset, write_run
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.runs.rundir import RunDir

_PATIENCE_MS = 120_000
COLOURS = """canvas => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const colour = [...data.slice(at, at + 3)].join();
    found.set(colour, (found.get(colour) ?? 0) + 1);
  }
  return Object.fromEntries(found);
}"""

OTHER = "before => document.getElementById('after').src !== before"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Of runs on labelled pictures: `caae`, which changes one label and keeps another, and `bigan`, which has codes."""
    folder = tmp_path_factory.mktemp("labelled")
    write_labelled_dataset(folder / "data")
    configs = {
        "caae": config_of(folder / "data", CAAEConfig(num_filters=4, second_label="stripe")),
        "bigan": config_of(folder / "data", shrink_section(BiGANConfig()), label=None),
    }
    servers = {
        name: start_command("demo", str(write_run(RunDir(folder / name), config).path))
        for name, config in configs.items()
    }
    yield servers
    for server in servers.values():
        server.interrupt()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Of a run map -> photo."""
    folder = tmp_path_factory.mktemp("demo")
    write_map_dataset(folder / "data")
    config = tiny_config(folder / "data")
    run = RunDir(folder / "run")
    write_tiny_run(run, replace(config, data=replace(config.data, view_a="map", view_b="photo")))
    server = start_command("demo", str(run.path))
    yield server
    server.interrupt()


def _shown(page: Page, name: str, *, side: int = 32) -> str:
    """The address of a picture once it is there, `side` pixels wide."""
    page.wait_for_function("([name, side]) => document.getElementById(name).naturalWidth === side", arg=[name, side])
    return page.locator(f"#{name}").get_attribute("src") or ""


def test_a_stroke_is_drawn_and_a_picture_shown(chromium: Browser, server: Server, tmp_path: Path) -> None:
    page = chromium.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(server.url)
    assert server.url.startswith("http://127.0.0.1:")
    expect(page.locator("#palette button")).to_have_text([info.name for info in CLASSES])
    sea, land, lake = (",".join(map(str, info.color)) for info in CLASSES)
    sheet = page.locator("#sheet")
    assert sheet.evaluate(COLOURS) == {sea: 32 * 32}
    page.locator("#palette button", has_text="lake").click()
    box = sheet.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5, steps=3)
    page.mouse.up()
    drawn = sheet.evaluate(COLOURS)
    assert drawn.keys() == {sea, lake}  # no colour in between, which would be no class
    assert 15 < drawn[lake] < 200
    first = _shown(page, "after")
    page.locator("#split").fill("50")
    assert page.locator("#after").evaluate("image => image.style.clipPath") == "inset(0px 0px 0px 50%)"
    page.locator("#seed").fill("3")  # dropout: another variation
    page.locator("#seed").dispatch_event("change")
    page.wait_for_function(OTHER, arg=first)
    second = _shown(page, "after")
    page.locator("#example").click()
    page.wait_for_function(OTHER, arg=second)
    assert sheet.evaluate(COLOURS).keys() == {sea, land}
    (tmp_path / "none.png").write_bytes(b"no picture")
    page.locator("#upload").set_input_files(tmp_path / "none.png")
    expect(page.locator("#status")).to_have_text("this is no picture that the browser can show")
    assert wrong == []
    page.close()


def _open(chromium: Browser, server: Server, wrong: list[str], **context: object) -> Page:
    page = chromium.new_page(**context)  # type: ignore[arg-type]
    page.set_default_timeout(_PATIENCE_MS)
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(server.url)
    return page


def test_a_second_label_is_chosen_beside_the_first(chromium: Browser, labelled: dict[str, Server]) -> None:
    wrong: list[str] = []
    page = _open(chromium, labelled["caae"], wrong)
    page.locator("#example").click()
    first = _shown(page, "after", side=SIDE)
    page.locator("#further select").select_option("standing")
    page.wait_for_function(OTHER, arg=first)
    second = _shown(page, "after", side=SIDE)
    page.locator("#label").fill("2")
    expect(page.locator("#label-name")).to_have_text("blue")
    page.wait_for_function(OTHER, arg=second)
    assert wrong == []
    page.close()


def test_two_pictures_have_others_between_them_on_a_phone(chromium: Browser, labelled: dict[str, Server]) -> None:
    wrong: list[str] = []
    page = _open(chromium, labelled["bigan"], wrong, **PHONE)
    page.locator("#example").click()
    alone = _shown(page, "after", side=SIDE)
    expect(page.locator("#weight")).to_be_hidden()
    page.locator("#far-example").click()
    page.wait_for_function(OTHER, arg=alone)
    first = _shown(page, "after", side=SIDE)
    page.locator("#weight").fill("100")
    page.wait_for_function(OTHER, arg=first)
    second = _shown(page, "after", side=SIDE)
    page.locator("#sheet").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")  # the end that has no weight is drawn on
    page.wait_for_function(OTHER, arg=second)
    page.locator("#far-clear").click()
    expect(page.locator("#far")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert wrong == []
    page.close()

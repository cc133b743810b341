"""sweep.html in a real browser: its plots have marks, brushes filter the page, and nothing leaves the file."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from sweeps.page.page import SweepPage
from tests.made_sweep import write_sweep

HITS = """plots => plots.map(plot => {
  const marks = [...plot.querySelectorAll(".mark")];
  const isHit = (mark) => {
    mark.style.strokeDasharray = "none";  // a gap is not hit
    const at = mark.getPointAtLength(mark.getTotalLength() / 7).matrixTransform(mark.getScreenCTM());
    return document.elementFromPoint(at.x, at.y)?.classList.contains("mark");
  };
  return [marks.length, marks.filter(isHit).length];
})"""
"""Of each plot: how many marks it has, and how many are seen at a point of theirs."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, tiny_dataset: Path) -> Path:
    folder, sweep, rows = write_sweep(tmp_path_factory.mktemp("sweeps") / "made", tiny_dataset)
    SweepPage(folder, sweep).write(rows)
    return folder.page


def _rows(page: Page) -> list[str | None]:
    """Trials whose rows of the table are seen."""
    return [row.get_attribute("data-trial") for row in page.locator("tr[data-trial]").all() if row.is_visible()]


def _drag(page: Page, axis: str, high: float, low: float) -> None:
    """Along an axis, from one place to another; 1 is its upper end."""
    box = page.locator(f".axis:has(b:text-is('{axis}'))").bounding_box()
    assert box is not None
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] * (1 - high))
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] * (1 - low), steps=2)
    page.mouse.up()


def test_trials_are_drawn_picked_by_brushes_and_compared(chromium: Browser, written: Path) -> None:
    context = chromium.new_context(viewport={"width": 1200, "height": 4000})
    page = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written.as_uri())

    marks = page.locator(".plot").evaluate_all(HITS)
    assert len(marks) == 6  # coordinates, the curves, the best so far, three slices
    assert marks == [[9, 9], [8, 8], [1, 1], [8, 8], [8, 8], [5, 5]]
    assert len(_rows(page)) == 10
    assert page.locator(".panel:visible").count() == 1
    assert page.locator(".panel:visible figure[data-trial]").count() == 8

    _drag(page, "architecture", 1.0, 0.5)  # ResNets alone
    assert set(_rows(page)) == {"000", "003", "006"}
    page.get_by_role("button", name="show all").click()
    assert len(_rows(page)) == 10
    _drag(page, "skips", -0.05, -0.12)  # where skips have no effect
    assert set(_rows(page)) == {"000", "003", "006"}
    assert page.locator("#bar output").text_content() == "3 of 9 trials"
    assert page.locator(".mark:not(.out)[data-trial='001']").count() == 0
    assert page.locator(".panel:visible figure[data-trial]:visible").count() == 3
    page.get_by_role("button", name="show all").click()

    page.get_by_role("button", name="2 kimg").click()
    assert page.locator(".panel:visible figure[data-trial]").count() == 4
    page.locator("tr[data-trial='004']").hover()
    assert page.locator(".parallel .mark.on").get_attribute("data-trial") == "004"
    assert page.locator("tr[data-trial='004'] a").get_attribute("href") == "trials/004"
    assert wrong == []
    assert [url for url in asked if not url.startswith(("data:", written.as_uri()))] == []
    context.close()

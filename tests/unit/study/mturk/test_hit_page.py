"""A HIT done by hand in Chromium, from the page that goes to Amazon."""

import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from PIL import Image

from tests.unit.study.made import study_with_checks, write_study
from trainer.study.mturk.export import copy_images, plan_hits
from trainer.study.mturk.layout import SIDES, layout_of
from trainer.study.mturk.page import render_hit
from trainer.study.mturk.results import read_results

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; apt-get install chromium"),
]
FRAME_MS = 1000 / 60


class Site(http.server.SimpleHTTPRequestHandler):
    """The images, the page, and whoever takes the form."""

    taken: str = ""

    def do_POST(self) -> None:
        type(self).taken = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"taken")

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    handler = partial(Site, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_hit_shows_each_image_for_a_second_and_sends_what_import_takes(tmp_path: Path, site: str) -> None:
    from playwright.sync_api import sync_playwright

    design = study_with_checks(num_practice=1, num_counted=1)
    write_study(tmp_path / "study", design, None)
    for file in design.checks.values():
        Image.new("RGB", (16, 12)).save(tmp_path / "study" / "images" / file)
    layout = layout_of(design)
    copy_images(tmp_path / "study", layout, tmp_path / "web")
    (row,) = plan_hits(layout, num_hits=1)
    page_text = render_hit(design, row, images_url=site, is_live=False)
    own = page_text.replace("https://workersandbox.mturk.com/mturk/externalSubmit", f"{site}/submit")
    (tmp_path / "web" / "hit.html").write_text(own)
    said = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 740}, has_touch=True)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{site}/hit.html?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE")
        assert page.locator("#start").is_disabled()
        page.goto(f"{site}/hit.html?assignmentId=A1")
        page.locator("#start:enabled").tap()
        for number in range(3):
            page.locator("#buttons").wait_for(state="visible")
            assert (
                page.locator("#stage img").evaluate_all("all => all.map(one => getComputedStyle(one).visibility)")
                == ["hidden"] * 2
            )
            right = SIDES[1 - SIDES.index(row[f"gt_side{number}"])]
            if number == 1:
                page.keyboard.press("1" if right == "left" else "2")
            else:
                page.locator(f"button[data-side={right}]").tap()
            if number == 0:
                page.get_by_text("Correct: that was the fake.").wait_for()
        page.get_by_text("You were right in 2 of 2 pairs.").wait_for()
        page.locator("#submit").tap()
        page.get_by_text("taken").wait_for()
        browser.close()
    assert [text for text in said if "favicon" not in text and "404" not in text] == []
    sent = {f"Answer.{name}": values[0] for name, values in parse_qs(Site.taken).items()}
    assert sent["Answer.assignmentId"] == "A1"
    inputs = {f"Input.{name}": value for name, value in row.items()}
    answers = read_results(layout, [inputs | sent | {"WorkerId": "w", "AssignmentId": "A1"}], known=[]).answers
    assert [answer.value for answer in answers if answer.part == "counted"] == [0.0]
    assert [answer.value for answer in answers if answer.part == "attention"] == [1.0]
    for answer in answers:
        assert len(answer.exposures_ms) == 2
        assert min(answer.exposures_ms) >= 1000 - FRAME_MS
        assert answer.seconds is not None

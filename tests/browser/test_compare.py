"""Pages of runs in a real browser: compare.html wipes pictures, report.html is read, and nothing leaves the file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser

from launch.commands.compare import main
from tests.browser.conftest import PHONE
from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from trainer.reports.page import write_report
from trainer.runs.rundir import RunDir


def test_two_runs_are_wiped_over_each_other(chromium: Browser, tmp_path: Path) -> None:
    write_map_dataset(tmp_path / "data")
    config = tiny_config(tmp_path / "data")
    for name, filters in (("one", 4), ("two", 8)):
        generator = replace(config.method.generator, num_filters=filters)
        write_tiny_run(RunDir(tmp_path / name), replace(config, method=replace(config.method, generator=generator)))
    (tmp_path / "in").mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    out = tmp_path / "compare.html"
    assert main([str(tmp_path / "one"), str(tmp_path / "two"), "--in", str(tmp_path / "in"), "--out", str(out)]) == 0

    page = chromium.new_page(viewport={"width": 1000, "height": 1400})
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(out.as_uri())
    page.wait_for_selector("#wiper:visible")
    cells = page.locator(".columns tbody img")
    assert cells.count() == 6
    page.select_option("#row", index=1)
    page.select_option("#left", index=0)
    assert page.get_attribute("#under", "src") == cells.nth(3).get_attribute("src")
    assert page.get_attribute("#over", "src") == cells.nth(5).get_attribute("src")
    page.locator("#at").fill("20")
    assert page.evaluate("document.getElementById('over').style.clipPath") == "inset(0px 0px 0px 20%)"
    sizes = page.locator("#wiper img").evaluate_all("all => all.map(each => [each.naturalWidth, each.clientWidth])")
    assert sizes[0] == sizes[1] and sizes[0][0] == 96 and sizes[0][1] >= 96
    assert page.locator("#differences tr").count() == 2
    assert wrong == []
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []
    page.close()


def test_a_report_is_read_with_the_keyboard_on_a_phone_in_the_dark(chromium: Browser, tmp_path: Path) -> None:
    write_map_dataset(tmp_path / "data")
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, tiny_config(tmp_path / "data"))
    lines = [
        {"position": 100 * step, "loss/generator/l1": 9.0 - step, "game/d/score_real": 0.5} for step in range(1, 6)
    ]
    run.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for position in (100, 500):
        Image.new("RGB", (96, 64), (position % 256, 0, 0)).save(run.sample_file(position))
    write_report(run)

    page = chromium.new_page(**{**PHONE, "color_scheme": "dark"})  # type: ignore[arg-type]
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(run.report_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert max(dark) < 60
    for link in page.locator("nav a").all():
        link.press("Enter")
        part = page.locator(link.get_attribute("href") or "")
        assert part.evaluate("part => part.getBoundingClientRect().top < innerHeight"), part
    slider = page.locator("#grids input")
    slider.press("ArrowLeft")
    assert page.locator("#grids output").text_content() == "after 100 images"
    assert page.locator("#grids img:visible").count() == 1
    plot = page.locator(".plot").first
    plot.press("Home")
    assert (plot.locator(".tip").text_content() or "").split() == ["0.1", "kimg", "l1", "8"]
    plot.press("ArrowRight")
    assert (plot.locator(".tip").text_content() or "").split() == ["0.2", "kimg", "l1", "7"]
    plot.press("Escape")
    assert plot.locator(".tip").is_hidden()
    assert wrong == []
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []
    page.close()

"""compare.html in a real browser: two runs' pictures are wiped over each other, and nothing leaves the file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser

from launch.commands.compare import main
from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
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

"""The report: the numbers given are there, nothing comes from elsewhere, and unfinished runs have one too."""

import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from trainer.config.errors import ConfigError
from trainer.reports.page import render_report, write_report

VOID = {"meta", "link", "img", "input", "br", "line", "path"}


class Page(HTMLParser):
    """Checks that tags are nested well, and collects what a browser would fetch, and the text."""

    def __init__(self, source):
        super().__init__()
        self.open, self.addresses, self.words, self.images = [], [], [], 0
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.images += tag == "img"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["script"]):
            self.words += data.split()

    @property
    def text(self):
        return " ".join(self.words)


def log(run, *lines):
    run.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def losses(position, **more):
    return {
        "position": position,
        "kimg": position / 1000,
        "time_s": position / 4,
        "loss/generator/l1": 12.5,
        "loss/generator/gan": 1.25,
        **more,
    }


def draw_grids(run, *positions):
    for position in positions:
        Image.new("RGB", (40, 30), (position % 256, 0, 0)).save(run.sample_file(position))


@pytest.fixture
def finished(tiny_run):
    """A run of 2000 images with everything."""
    log(
        tiny_run,
        losses(1000, **{"throughput/images_per_s": 31.7, "lr": 0.0002, "time/data_s": 0.001}),
        losses(2000, **{"eval/psnr": 17.1, "baseline/mean/psnr": 13.2}),
    )
    scores = {
        "eval/psnr": 17.9431,
        "baseline/mean/psnr": 13.1172,
        "baseline/identity/psnr": 11.5,
        "eval/miou": 0.8123,
        "baseline/mean/miou": 0.4512,
        "eval/iou/land": 0.9,
    }
    entry = {"position": 2000, "num_images": 3, "evaluated": "2031-05-06T07:08:09+00:00", "scores": scores}
    tiny_run.evaluation_file.write_text(json.dumps({"val": entry | {"num_images": 4}, "test": entry}))
    draw_grids(tiny_run, 4, 1000, 2000)
    Image.new("RGB", (40, 30)).save(tiny_run.evaluation_picture)
    return tiny_run


def test_the_numbers_given_are_there(finished):
    text = Page(render_report(finished)).text
    assert "finished" in text
    assert "17.94 dB +4.83 dB 13.12 dB 11.50 dB" in text  # 17.9431 - 13.1172 = 4.8259
    assert "0.8123 +0.3611 0.4512 \N{EN DASH}" in text  # no identity score
    assert "class IoU: land" in text
    assert "split test: 3 images, after 2,000 images" in text
    assert text.index("split test") < text.index("split val: 4 images")
    assert "0:08:20" in text  # 500 s
    assert "31.7 images/s" in text


def test_configuration_versions_and_commands_are_there(finished):
    text = Page(render_report(finished)).text
    assert "method.generator.num_filters 4" in text
    assert "train.total_kimg 2.0" in text
    assert "torch 2.14.1" in text
    assert "commit 0123abc" in text
    assert f"diptych translate {finished.path} --in FOLDER --out FOLDER" in text
    assert "--resume" not in text  # nothing is left to train


def test_nothing_is_fetched(finished):
    source = render_report(finished)
    page = Page(source)
    assert page.images == 4
    assert page.addresses
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp", source)


def test_a_run_that_has_only_begun_has_a_report(tiny_run):
    page = Page(render_report(tiny_run))
    assert "0 % trained" in page.text
    assert "Not evaluated yet" in page.text
    assert "Nothing logged yet" in page.text
    assert f"diptych train --resume {tiny_run.path}" in page.text
    assert page.images == 0


def test_an_empty_metrics_file_and_a_cut_line(tiny_run):
    tiny_run.metrics_file.write_text("")
    assert "Nothing logged yet" in Page(render_report(tiny_run)).text
    tiny_run.metrics_file.write_text(json.dumps(losses(500)) + '\n{"position": 1000, "lo')
    page = Page(render_report(tiny_run))
    assert "25 % trained" in page.text
    assert "Loss of the generator: l1" in page.text


def test_names_cannot_become_markup(tiny_run):
    tiny_run.run_file.write_text(json.dumps(tiny_run.record() | {"preset": "<script>alert(1)</script>"}))
    log(tiny_run, losses(500, **{"loss/generator/</script><b>": 1.0}))
    source = render_report(tiny_run)
    assert "<script>alert" not in source
    assert "</script><b>" not in source
    assert "<script>alert(1)</script>" in Page(source).text


def test_at_most_eight_grids_with_the_first_and_the_last(tiny_run):
    draw_grids(tiny_run, *range(100, 2100, 100))
    source = render_report(tiny_run)
    positions = [int(found.replace(",", "")) for found in re.findall(r'data-position="([\d,]+)"', source)]
    assert len(positions) == 8
    assert positions[0] == 100
    assert positions[-1] == 2000
    assert positions == sorted(set(positions))


def test_it_is_written_beside_the_run(finished):
    write_report(finished)
    assert finished.report_file.read_text() == render_report(finished)
    assert not list(finished.path.glob(".report*"))


def test_a_folder_that_is_no_run_is_refused(tiny_run):
    tiny_run.run_file.unlink()
    with pytest.raises(ConfigError, match="holds no run"):
        write_report(tiny_run)

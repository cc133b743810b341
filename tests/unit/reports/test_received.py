"""The report of a run that a stranger made: it shows what the run has, gives nothing of the user's away, and ends."""

import json
import math
import os
import shlex
import struct
import time
import zlib
from html.parser import HTMLParser

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from trainer.evaluation.evaluate import evaluate_run
from trainer.reports.charts import Chart, Curve, make_charts
from trainer.reports.page import render_report, write_report
from trainer.reports.pictures import UnusablePictureError, choose_grids, embed
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

SECRET = (201, 33, 77)


class Page(HTMLParser):
    """Tags, attributes that a browser runs or fetches, and the text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.active, self.text, self.pictures = [], [], "", 0
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.pictures += tag == "img"
        for name, value in attrs:
            if name.startswith("on") or (name in ("src", "href") and not (value or "").startswith(("data:", "#"))):
                self.active.append((name, value))

    def handle_data(self, data):
        self.text += data


def page_of(run):
    return Page(render_report(run))


@pytest.fixture
def private_picture(tmp_path):
    path = tmp_path / "Pictures" / "private.png"
    path.parent.mkdir()
    Image.new("RGB", (40, 30), SECRET).save(path)
    return path


def png(width, height, *, pixels=b""):
    """A PNG whose header says any size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def test_pictures_that_are_links_are_not_embedded(tiny_run, private_picture):
    tiny_run.sample_file(1000).symlink_to(private_picture)
    tiny_run.evaluation_picture.symlink_to(private_picture)
    page = page_of(tiny_run)
    assert page.pictures == 0
    assert "samples/00001000.png is a link" in page.text
    assert "evaluation.png is a link" in page.text


def test_a_linked_folder_of_samples_is_not_looked_into(tiny_run, private_picture):
    private_picture.rename(private_picture.with_name("00001000.png"))
    tiny_run.samples.rmdir()
    tiny_run.samples.symlink_to(private_picture.parent)
    assert choose_grids(tiny_run) == []


def test_pipes_are_not_waited_for(tiny_run):
    os.mkfifo(tiny_run.sample_file(1000))
    os.mkfifo(tiny_run.evaluation_picture)
    assert page_of(tiny_run).pictures == 0


@pytest.mark.parametrize("process_limit", [None, 10**12])
def test_a_bomb_is_left_out_whatever_the_process_allows(tiny_run, monkeypatch, process_limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", process_limit)
    # 20 000 x 20 000 black pixels take 1.2 GB, and 1.2 MB as a file.
    tiny_run.evaluation_picture.write_bytes(png(20_000, 20_000, pixels=bytes(1000)))
    page = page_of(tiny_run)
    assert page.pictures == 0
    assert "evaluation.png has 20000x20000 pixels" in page.text


def test_an_endless_file_is_not_read_to_its_end(tiny_run):
    with tiny_run.sample_file(1000).open("wb") as file:
        file.truncate(10**12)  # sparse: takes no room
    with pytest.raises(UnusablePictureError, match="is larger than 67108864 bytes"):
        embed(tiny_run.sample_file(1000), position=1000)


@pytest.mark.parametrize("content", [b"", b"GIF89a", png(40, 30, pixels=b"short"), png(0, 5), png(40, 30)[:40]])
def test_a_damaged_picture_is_left_out_with_a_note(tiny_run, content):
    tiny_run.sample_file(1000).write_bytes(content)
    Image.new("RGB", (40, 30)).save(tiny_run.sample_file(2000))
    page = page_of(tiny_run)
    assert page.pictures == 1
    assert "samples/00001000.png is no whole PNG file" in page.text


@pytest.mark.parametrize(
    "name", ["12ab.png", "0000000000000001.png", f"{'0' * 200}1.png", f"{chr(0x660) * 8}.png", "1000.png"]
)
def test_other_names_are_no_grids(tiny_run, name):
    Image.new("RGB", (40, 30)).save(tiny_run.samples / name)
    assert page_of(tiny_run).pictures == 0


def test_numbers_of_any_size_are_no_traceback(tiny_run):
    lines = [
        {"position": 100, "loss/generator/l1": 10**15, "lr": 1e308, "time_s": -5, "throughput/images_per_s": math.inf},
        {"position": 200, "loss/generator/l1": math.nan, "lr": 1e308, "time_s": 1e300},
        {"position": 300, "loss/generator/l1": -math.inf, "lr": 5e-324, "time_s": 1e29},
        {"position": 400, "loss/generator/l1": 1.5, "lr": 5e-324, "time_s": 12},
    ]
    tiny_run.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = page_of(tiny_run)
    assert "20 % trained" in page.text  # 400 of 2000
    assert "Learning rate" in page.text


def test_integers_that_are_no_floats_are_not_drawn():
    assert make_charts([{"position": 100, "lr": 10**400, "flag": True, "word": "x"}]) == []


def test_a_page_about_very_many_values_stays_small(tiny_run):
    lines = [{"position": step, **{f"value {key} {'x' * 5000}": step for key in range(400)}} for step in range(3)]
    lines += [{"position": step, "lr": 0.1} for step in range(3, 50_000)]
    tiny_run.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    began = time.monotonic()
    source = render_report(tiny_run)
    assert time.monotonic() - began < 60
    assert len(source) < 2**20
    assert source.count('class="plot"') == 200
    assert "201 of 401 values that were logged have no curve" in source


NUMBERS = st.floats(-1e30, 1e30) | st.integers(-(10**30), 10**30)


@given(st.lists(st.tuples(st.integers(0, 10**15), NUMBERS), min_size=1, max_size=12))
def test_curves_of_any_numbers_can_be_drawn(points):
    charts = make_charts([{"position": position, "a": value, "loss/g/x": value} for position, value in points])
    for chart in charts:
        for curve in chart.curves:
            path = chart.path(curve.smoothed)
            assert not {"nan", "inf"} & set(path.replace("M", "L").replace(",", "L").split("L"))
        assert chart.y_ticks[0] < chart.y_ticks[-1]
        json.dumps(chart.hover(), allow_nan=False)


@pytest.mark.parametrize("values", [[1e30, -1e30], [1e16, 1e16 + 2], [5e-324, 1e-323], [0.1, math.nextafter(0.1, 1)]])
def test_axes_of_extremes_have_a_height(values):
    chart = Chart(title="", curves=[Curve(name="", points=[(float(x), y) for x, y in enumerate(values)])])
    assert chart.y_ticks[0] < chart.y_ticks[-1]
    assert "nan" not in chart.path(chart.curves[0].points)


def test_scores_that_are_too_large_or_too_many_are_left_out_with_a_note(tiny_run):
    scores = {"eval/psnr": 1e300, "baseline/mean/psnr": 3.0, "eval/ssim": math.inf, "eval/miou": math.nan}
    scores |= {f"eval/iou/{number}": 0.5 for number in range(5000)}
    entry = {"position": 1200, "num_images": 3, "scores": scores}
    tiny_run.evaluation_file.write_text(
        json.dumps({"test": entry} | {f"s{number}": entry | {"scores": {}} for number in range(50)})
    )
    source = render_report(tiny_run)
    assert "3004 scores of split test are too large, or too many" in source  # of 5004
    assert "43 more splits" in source
    assert len(source) < 2**24


def test_a_damaged_file_is_told_before_the_run_is_scored(tiny_run):
    tiny_run.evaluation_file.write_text("{")
    with pytest.raises(ValueError):
        evaluate_run(open_run(tiny_run), device=torch.device("cpu"), console=Console(quiet=True))
    assert not tiny_run.evaluation_picture.exists()


HOSTILE = (
    "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>{{7*7}}`javascript:alert(3)\x1b]0;x\x07\u202e"
)


def test_no_name_of_a_run_becomes_a_part_of_the_page(tiny_run, tmp_path):
    record = tiny_run.record()
    record |= {"preset": HOSTILE, "commit": HOSTILE, "python": HOSTILE, "command": [HOSTILE]}
    record |= {"versions": {HOSTILE: HOSTILE}}
    tiny_run.run_file.write_text(json.dumps(record))
    tiny_run.metrics_file.write_text(
        json.dumps({"position": 100, f"loss/{HOSTILE}/{HOSTILE}": 1, f"loss/{HOSTILE}/x": 1, HOSTILE: 2}) + "\n"
    )
    scores = {f"eval/iou/{HOSTILE}": 0.5, f"eval/{HOSTILE}": 0.5, f"eval/kept_{HOSTILE}": 0.5}
    entry = {"position": 100, "num_images": 1, "scores": scores}
    tiny_run.evaluation_file.write_text(json.dumps({HOSTILE: entry}))
    named = RunDir(tmp_path / HOSTILE.replace("/", "_"))
    tiny_run.path.rename(named.path)
    source = render_report(named)
    page = Page(source)
    assert page.tags.count("script") == 1
    assert page.pictures == 0
    assert page.active == []
    assert "\x1b" not in source
    assert "\u202e" not in source
    assert "{{7*7}}" in page.text


def test_commands_to_copy_are_quoted_and_passwords_are_not_shown(tiny_run, tmp_path):
    record = tiny_run.record() | {"command": ["diptych", "train", "--data.path", "https://anna:secret@host/x"]}
    tiny_run.run_file.write_text(json.dumps(record))
    run = RunDir(tmp_path / "my run; rm -rf ~")
    tiny_run.path.rename(run.path)
    page = page_of(run)
    for arguments in (["train", "--resume", str(run.path)], ["evaluate", str(run.path), "--split", "val"]):
        assert shlex.join(["diptych", *arguments]) in page.text
    assert "secret" not in page.text
    assert "https://***@host/x" in page.text


def test_a_folder_whose_name_is_no_utf8_has_a_report(tiny_run, tmp_path):
    run = RunDir(tmp_path / os.fsdecode(b"caf\xe9"))
    tiny_run.path.rename(run.path)
    write_report(run)
    assert "caf\\xe9" in run.report_file.read_text()


def test_the_page_may_load_nothing_even_if_a_name_became_markup(tiny_run):
    policy = """content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">"""
    source = render_report(tiny_run)
    assert policy in source
    assert source.index(policy) < source.index("<title>")

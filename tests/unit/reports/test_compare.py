"""compare.html: the same pictures by all runs, scores with the best marked, and the fields that differ."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from launch.commands.compare import main
from tests.tiny_run import tiny_config, write_tiny_run
from tests.unit.reports.test_page import Page, draw_grids, log, losses
from trainer.config.errors import ConfigError
from trainer.reports.compare import MOST_BYTES
from trainer.reports.names import name_runs
from trainer.runs.rundir import RunDir


def score(run, psnr, interval):
    scores = {"eval/psnr": psnr, "baseline/mean/psnr": 12.0}
    entry = {"position": 1200, "num_images": 3, "evaluated": "2031-05-06T07:08:09+00:00", "scores": scores}
    entry["intervals"] = {"of": {"eval/psnr": interval}, "level": 0.95, "resamples": 1000}
    run.evaluation_file.write_text(json.dumps({"test": entry}))


@pytest.fixture
def two_runs(tiny_run, tmp_path, map_dataset):
    config = tiny_config(map_dataset)
    other = RunDir(tmp_path / "runs" / "heavier")
    generator = replace(config.method.generator, num_filters=8)
    write_tiny_run(other, replace(config, method=replace(config.method, weight_l1=250.0, generator=generator)))
    log(tiny_run, losses(1000, **{"throughput/images_per_s": 31.7}))
    return tiny_run, other


def compare(runs, tmp_path, *flags):
    out = tmp_path / "compare.html"
    assert main([*[str(run.path) for run in runs], "--out", str(out), *flags]) == 0
    assert out.stat().st_size < MOST_BYTES
    return out.read_text()


def test_the_same_pictures_by_all_runs(two_runs, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "3.png").write_bytes(b"damaged")
    source = compare(two_runs, tmp_path, "--in", str(tmp_path / "in"), "--num", "5")
    page = Page(source)
    assert page.images == 4 * 3 + 2  # four rows of input and two runs, and the viewer
    assert "3.png cannot be read" in page.text
    assert [address for address in page.addresses if not address.startswith("data:")] == []
    rows = re.findall(r"<tr><td><img.*?</tr>", source, flags=re.DOTALL)
    uris = [re.findall(r'src="(data:[^"]+)"', row) for row in rows]
    assert all(len({*of_row}) == 3 for of_row in uris)


def test_scores_cost_and_differences_are_told(two_runs, tmp_path):
    score(two_runs[0], 17.5, [17.0, 18.0])
    score(two_runs[1], 18.5, [18.1, 18.9])
    draw_grids(two_runs[0], 1000)
    source = compare(two_runs, tmp_path)
    text = Page(source).text
    assert re.search(r'<td class="main good">18\.50 dB<br><span class="soft">18\.10 to 18\.90', source), source
    assert "17.50 dB" in text and "17.00 to 18.00" in text
    assert "method.weight_l1 100.0 250.0" in text
    assert "data.path" not in text
    assert "0:04:10" in text and "31.7" in text


def test_mistakes_are_answered(two_runs, tmp_path, capsys):
    both = [str(run.path) for run in two_runs]
    for arguments, message in (
        (both[:1], "runs = 1: are given; use 2 to 12"),
        ([*both, "--num", "99"], "num = 99: use 1 to 24"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert message in capsys.readouterr().err
    with pytest.raises(ConfigError, match="is given twice"):
        main(both[:1] * 2)
    with pytest.raises(ConfigError, match="does not exist"):
        main([*both, "--in", str(tmp_path / "no")])


def test_runs_are_called_by_what_tells_them_apart(tmp_path):
    runs = [RunDir(tmp_path / each) for each in ("a/x", "b/x", "b/y")]
    assert name_runs(runs) == ["a/x", "b/x", "b/y"]
    assert name_runs(runs[1:]) == ["x", "y"]

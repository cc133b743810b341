"""Users' own functions score images; masks leave pixels out; labels make groups."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from sharding.format.manifest import LabelInfo, View
from tests.tiny_run import subject_of, tiny_config
from tests.unit.data.tiny_shards import encode, noise, write_dataset
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.evaluation.evaluate import write_evaluation
from trainer.evaluation.evaluator import SplitEvaluator, scored_view
from trainer.evaluation.group_tables import group_tables
from trainer.evaluation.judges.asked import Asked
from trainer.evaluation.judges.group_judge import take_groups
from trainer.evaluation.judges.opened import open_judges
from trainer.evaluation.judges.own_function import find_function
from trainer.evaluation.scores import find
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.ranks.world import lone_world
from trainer.reports.page import render_report

SIDE = 32
WORLD = lone_world(torch.device("cpu"))
VIEWS = {
    "photo": View(extension="photo.png", width=SIDE, height=SIDE),
    "scan": View(extension="scan.png", channels=1, dtype="uint16", value_range=(0, 1000), width=SIDE, height=SIDE),
    "body": View(extension="body.png", channels=1, width=SIDE, height=SIDE),
}
LABELS = {"sex": LabelInfo(names=["female", "male", "unknown"])}
FUNCTIONS = """
import numpy as np

def height(image, target):
    assert image.dtype == np.uint16 and image.shape == (32, 32, 1)
    return abs(int(image.max()) - int(target.max()))

def inside(image, target, mask=None):
    assert mask is None or mask.dtype == bool
    return {"pixels": 32 * 32 if mask is None else mask.sum()}

def even(image, target):
    return None if target.max() > 500 else 1.0

def numbers(images, targets):
    return {"made": len(images), "real": len(targets)}

def broken(image, target):
    return 1 / 0

def text(image, target):
    return "good"
"""


def scan_of(place: int) -> np.ndarray:
    """(32, 32): 100 in the first scan, 200 more in each further one."""
    return np.full((SIDE, SIDE), 100 + 200 * place, np.uint16)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Of four scans in the test split the body is the left half, of the last one nothing; two are of women."""
    body = np.zeros((SIDE, SIDE), np.uint8)
    body[:, : SIDE // 2] = 255

    def sample(place: int):
        files = {"photo": noise(place, side=SIDE), "scan": scan_of(place), "body": body if place < 3 else 0 * body}
        return f"s{place}", {name: encode(pixels, "png") for name, pixels in files.items()} | {
            "json": str.encode(f'{{"sex":{place // 2}}}')
        }

    folder = tmp_path_factory.mktemp("scans")
    shard = [sample(place) for place in range(4)]
    write_dataset(folder, views=VIEWS, labels=LABELS, splits={"train": [shard], "test": [shard]})
    subject = subject_of(tiny_config(folder))
    return replace(subject, data=replace(subject.data, view_a="photo", view_b="scan", load_size=SIDE, crop_size=SIDE))


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """A folder with a module of functions, where the user is."""
    (tmp_path / "own_quality.py").write_text(FUNCTIONS)
    (tmp_path / "own_broken.py").write_text("import numpy\n\nvalue = numpy.nothing\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in ("own_quality", "own_broken"):
        sys.modules.pop(name, None)


class OneWay:
    """A method without networks, which makes scans of 300, all alike, and of the right half of 900."""

    translates_by_chance = False

    def translate(self, networks, image):
        made = torch.full((len(image), 1, SIDE, SIDE), 300 / 500 - 1)
        made[..., SIDE // 2 :] = 900 / 500 - 1
        return made


def scores_of(subject: Subject, asked: Asked) -> dict[str, float]:
    asked.check(subject)
    judges = open_judges(asked, subject, view=scored_view(subject), split="test", world=WORLD)
    translator = Translator(OneWay(), Networks({}, {}), torch.contiguous_format)  # type: ignore[arg-type]
    return SplitEvaluator(subject, seed=0, split="test", world=WORLD, judges=judges)(translator)


def test_functions_of_pairs_see_what_the_data_set_stores(scans, functions):
    scores = scores_of(scans, Asked(metric=("own_quality:height:lower", "own_quality:even")))
    assert scores["eval/own_less/height"] == np.mean([800, 600, 400, 200])  # 900 against 100, 300, 500, 700
    assert scores["eval/own/even"] == 1
    assert find("own_less/height").better == "lower"
    assert find("own/even").title == "even"
    assert "baseline/mean/own_less/height" in scores


def test_functions_of_sets_see_all_images(scans, functions):
    scores = scores_of(scans, Asked(set_metric=("own_quality:numbers",)))
    assert (scores["eval/own/made"], scores["eval/own/real"]) == (4, 4)


def test_a_mask_leaves_pixels_out(scans, functions):
    scores = scores_of(scans, Asked(mask_view="body", metric=("own_quality:inside",)))
    errors = np.array([200, 0, 200]) * 255 / 1000  # within the left half, of the three that have a body
    decibels = [min(10 * np.log10(255**2 / error**2), 100) if error else 100 for error in errors]
    assert scores["eval/masked_psnr"] == pytest.approx(np.mean(decibels), abs=1e-3)
    assert scores["eval/masked_psnr"] > scores["eval/psnr"]
    assert scores["eval/own/pixels"] == SIDE * SIDE / 2 * 3 / 4
    assert -1 <= scores["eval/masked_ssim"] <= 1


def test_groups_are_scored_alone(scans, functions, tiny_run):
    scores = scores_of(scans, Asked(by="sex", mask_view="body", metric=("own_quality:height:lower",)))
    groups = take_groups(scores, {}, LABELS["sex"].names)
    assert list(groups) == ["female", "male"]
    assert [group["num_images"] for group in groups.values()] == [2, 2]
    assert groups["female"]["scores"]["eval/own_less/height"] == 700
    assert groups["male"]["scores"]["eval/own_less/height"] == 300
    means = [group["scores"]["eval/psnr"] for group in groups.values()]
    assert np.mean(means) == pytest.approx(scores["eval/psnr"])
    assert "baseline/mean/psnr" in groups["male"]["scores"]
    assert not any("@" in key for key in scores)
    write_evaluation(tiny_run, split="test", position=1200, num_images=4, scores=scores, groups={"sex": groups})
    (table,) = group_tables(tiny_run.evaluations()["test"]["groups"])
    assert table.titles[:3] == ["sex", "images", "PSNR"]
    assert table.rows[1][:2] == ["male", "2"]
    assert "<td>male</td>" in render_report(tiny_run)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("own_quality", "use MODULE:FUNCTION"),
        ("own_quality:height:up", "use MODULE:FUNCTION"),
        ("own_absent:height", "no module 'own_absent' in"),
        ("own_quality:depth", "no function 'depth'; it has: height, inside, even"),
        ("own_broken:value", r"AttributeError.*own_broken\.py, line 3, when it was imported"),
    ],
)
def test_what_is_no_function_is_told_before_any_work(functions, spec, message):
    with pytest.raises(ConfigError, match=message):
        find_function(spec, field="metric")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", r"raised ZeroDivisionError.*own_quality\.py, line 19, called for sample 's0'"),
        ("text", "returned 'good' for sample 's0'; return a finite number"),
    ],
)
def test_errors_of_functions_are_told_with_their_place(scans, functions, name, message):
    with pytest.raises(ConfigError, match=message):
        scores_of(scans, Asked(metric=(f"own_quality:{name}",)))


def test_what_the_data_lacks_is_told(scans):
    narrow = replace(scans.manifest.views["body"], width=SIDE // 2)
    other = replace(scans, manifest=replace(scans.manifest, views={**scans.manifest.views, "body": narrow}))
    cases = [
        (scans, Asked(by="age"), "no such label; it has: sex"),
        (scans, Asked(mask_view="lungs"), "no such view of each sample: photo, scan, body"),
        (other, Asked(mask_view="body"), "make them equal"),
    ]
    for subject, asked, message in cases:
        with pytest.raises(ConfigError, match=message):
            scores_of(subject, asked)

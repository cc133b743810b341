"""The catalogue of scores, and one of which less is better on its way through all that reads it."""

import importlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from tests.scores import ABSOLUTE_ERROR, COLOR_DISTANCE, cheap_encoder
from tests.tiny_run import CLASSES, NUM_SAMPLES, POSITION, SIDE, sample_views, subject_of, tiny_config
from tests.unit.data.tiny_shards import SIDE as UNPAIRED_SIDE
from tests.unit.data.tiny_shards import UNPAIRED_SHARDS, noisy_pixels, write_unpaired_dataset
from trainer.config.data import DataConfig, DegradeConfig
from trainer.config.errors import ConfigError
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.evaluation.comparison import compare
from trainer.evaluation.contestants import make_metrics
from trainer.evaluation.evaluate import write_evaluation
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.metrics.base import ScoredView
from trainer.evaluation.metrics.psnr import LARGEST_DB
from trainer.evaluation.score import LEAST_OF_SCALES, Score
from trainer.evaluation.scores import (
    SCORES,
    check_kept_score,
    find,
    find_key,
    heading_of,
    met_needs,
    objectives,
    summaries,
)
from trainer.evaluation.tables import scores_table
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.ranks.world import lone_world
from trainer.reports.charts import make_charts
from trainer.reports.page import render_report
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")


@pytest.fixture
def lower(monkeypatch: pytest.MonkeyPatch) -> Score:
    """A row more in the catalogue, of which less is better."""
    monkeypatch.setitem(SCORES, ABSOLUTE_ERROR.name, ABSOLUTE_ERROR)
    return ABSOLUTE_ERROR


@pytest.fixture
def of_sets(monkeypatch: pytest.MonkeyPatch) -> Score:
    """A row more in the catalogue, which needs no pairs."""
    monkeypatch.setitem(SCORES, COLOR_DISTANCE.name, COLOR_DISTANCE)
    return COLOR_DISTANCE


class OneWay:
    """A method without networks."""

    translates_by_chance = True  # one image after the other

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        return self.function(image)


def evaluate(function: Callable[[Tensor], Tensor], config: RunConfig) -> dict[str, float]:
    translator = Translator(OneWay(function), Networks({}, {}), torch.contiguous_format)  # pyright: ignore
    return SplitEvaluator(subject_of(config), seed=0, split="test", world=lone_world(CPU))(translator)


def unpaired_config(folder: Path) -> RunConfig:
    method = CycleGANConfig(generator=GeneratorConfig(num_downs=3), discriminator=PatchGANConfig(num_layers=1))
    data = DataConfig(path=folder, view_a="photo", view_b="map", load_size=UNPAIRED_SIDE, crop_size=UNPAIRED_SIDE)
    return RunConfig(method=method, data=data)


@pytest.mark.parametrize(
    "metric",  # those that see images at their own size need networks of some size: test_learnt_distances.py
    sorted({row.metric for row in SCORES.values() if row.metric and "medium" not in row.needs}),
)
def test_a_metric_gives_the_scores_of_its_rows_and_no_others(metric: str) -> None:
    made = importlib.import_module(metric).make(ScoredView(eight_bits=True, classes=CLASSES, encoder=cheap_encoder()))
    if "pairs" in next(row.needs for row in SCORES.values() if row.metric == metric):
        image = torch.zeros(1, 3, LEAST_OF_SCALES, LEAST_OF_SCALES)
        made.update(image, image)
    else:
        images = torch.rand(50, 3, SIDE, SIDE)
        made.update_fakes(images)
        made.update_reals(images)
    named = {row.name for row in SCORES.values() if row.metric == metric}
    assert len({row.needs for row in SCORES.values() if row.metric == metric}) == 1
    assert {name.partition("/")[0] for name in made.compute()} == {name.partition("/")[0] for name in named}


def test_one_row_stands_for_each_class_and_label() -> None:
    assert find("iou/a {name}").title == "class IoU: a {name}"
    assert find("kept_age").title == "age kept"
    assert find("kept_age_real").title == "age read of originals"
    assert find("kept_real").title == "real kept"
    assert find("iou/land").is_detail
    assert find_key("baseline/mean/psnr") is find_key("eval/psnr") is SCORES["psnr"]
    assert heading_of("baseline/identity/psnr") == "PSNR, identity"


def test_an_unknown_score_of_another_version_is_shown_by_its_name() -> None:
    unknown = find("of_tomorrow")
    assert (unknown.title, unknown.better, unknown.is_followed, unknown.show(1.0)) == (
        "of_tomorrow",
        "higher",
        False,
        "1.0000",
    )


@pytest.mark.parametrize(("better", "margin"), [("higher", -3.0), ("lower", 1.0)])
def test_the_margin_is_positive_where_the_score_is_better(better: str, margin: float) -> None:
    score = replace(ABSOLUTE_ERROR, better=better)
    assert score.margin(4.0, [5.0, 7.0]) == margin


def test_a_score_of_which_less_is_better_is_measured_and_compared(lower: Score, map_dataset: Path) -> None:
    maps = iter([sample_views("test", number)["map"] for number in range(NUM_SAMPLES["test"])])
    almost = 0.9  # of the targets: 12.75 of 127.5 levels off everywhere
    targets = (torch.from_numpy(next(maps)).permute(2, 0, 1)[None] / 127.5 - 1 for _ in range(NUM_SAMPLES["test"]))
    scores = evaluate(lambda image: next(targets) * almost, tiny_config(map_dataset))
    assert scores["eval/absolute_error"] == pytest.approx(12.75, abs=1e-4)
    [row] = [row for row in compare(scores) if row.name == lower.name]
    assert row.mean is not None
    assert row.identity is not None
    assert 12.75 < row.mean < row.identity
    assert row.margin == pytest.approx(row.mean - 12.75, abs=1e-4)
    console = Console(record=True, width=140, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(scores_table(scores, title="test"))
    [line] = [line for line in console.export_text(styles=True).splitlines() if "absolute error" in line]
    assert "absolute error (less is better)" in line
    assert "12.8 levels" in line
    assert f"\x1b[32m+{row.margin:.1f} levels" in line  # green
    assert "interval" not in console.export_text()
    console.print(scores_table(scores, title="test", intervals={"eval/absolute_error": (12.0, 13.5)}))
    assert re.search(r"absolute error .* 12\.8 levels .* 12\.0 to 13\.5 ", console.export_text())


def test_the_report_says_that_less_is_better_and_colours_by_it(lower: Score, tiny_run: RunDir) -> None:
    scores = {"eval/psnr": 17.0, "baseline/mean/psnr": 13.0}
    write_evaluation(tiny_run, split="val", position=POSITION, num_images=4, scores=scores)
    assert "More is better everywhere." in render_report(tiny_run)
    scores |= {"eval/absolute_error": 12.0, "baseline/mean/absolute_error": 20.0}
    write_evaluation(tiny_run, split="val", position=POSITION, num_images=4, scores=scores)
    tiny_run.metrics_file.write_text(json.dumps({"position": 1000, "eval/absolute_error": 12.0}) + "\n")
    page = render_report(tiny_run)
    assert "More is better unless a score says otherwise." in page
    assert '<td class="good">+8.0 levels</td>' in page
    assert "+8.0 levels over the better baseline" in page  # a tile
    assert "Absolute error (less is better) while training, levels" in page


def test_charts_show_the_baselines_of_any_score_in_the_catalogue(lower: Score) -> None:
    line = {"position": 1000, "eval/absolute_error": 12.0, "baseline/mean/absolute_error": 20.0, "eval/iou/land": 0.5}
    [chart] = make_charts([line])
    assert [curve.name for curve in chart.curves] == ["translation", "mean image"]


def test_sweeps_and_wandb_get_the_direction(lower: Score) -> None:
    assert objectives()["eval/absolute_error"].mode == "min"
    assert objectives()["eval/psnr"].mode == "max"
    assert (summaries()["eval/absolute_error"], summaries()["eval/psnr"]) == ("min", "max")
    assert not any("{" in key for key in summaries())


def test_metrics_of_sets_see_all_images_of_both_sides_and_no_pairs(of_sets: Score, tmp_path: Path) -> None:
    write_unpaired_dataset(tmp_path)
    config = unpaired_config(tmp_path)
    scores = evaluate(torch.neg, config)
    assert scores.keys() == {f"{prefix}/color_distance" for prefix in ("eval", "baseline/mean", "baseline/identity")}

    def colors(split: str, view: str) -> Tensor:
        images = [noisy_pixels(split, number, view) for number in range(sum(UNPAIRED_SHARDS[split][view]))]
        return torch.stack([torch.from_numpy(image) / 127.5 - 1 for image in images]).double().mean(dim=(1, 2))

    photos, maps = colors("test", "photo").mean(dim=0), colors("test", "map").mean(dim=0)
    assert scores["eval/color_distance"] == pytest.approx((-photos - maps).norm().item(), abs=1e-6)
    assert scores["baseline/identity/color_distance"] == pytest.approx((photos - maps).norm().item(), abs=1e-6)
    mean = colors("train", "map").mean(dim=0)
    assert scores["baseline/mean/color_distance"] == pytest.approx((mean - maps).norm().item(), abs=1e-6)


def test_metrics_of_sets_stand_beside_those_of_pairs_where_the_truth_is_known(
    of_sets: Score, map_dataset: Path
) -> None:
    scores = evaluate(torch.neg, tiny_config(map_dataset))
    assert {"eval/psnr", "eval/color_distance", "baseline/mean/color_distance"} <= scores.keys()


def test_without_metrics_of_sets_an_unpaired_set_has_no_scores(tmp_path: Path) -> None:
    """Nor is its training split read for baselines that nobody needs."""
    write_unpaired_dataset(tmp_path)
    (tmp_path / "train" / "000000.tar").write_bytes(b"")
    assert evaluate(torch.neg, unpaired_config(tmp_path)) == {}


def test_what_the_data_have_decides_which_metrics_are_made(tmp_path: Path, map_dataset: Path) -> None:
    write_unpaired_dataset(tmp_path)
    unpaired, paired = unpaired_config(tmp_path), tiny_config(map_dataset)
    assert met_needs(subject_of(unpaired)) == {"sets", "way back"}
    met = met_needs(subject_of(paired))
    assert met == {"sets", "pairs", "classes", "medium"}
    view = ScoredView(eight_bits=True, classes=CLASSES)
    assert len(make_metrics(view, met=met).pairs) == 3
    assert len(make_metrics(view, met=met, of_classes=True).pairs) == 1


def test_images_made_larger_are_scored_by_their_luma_without_a_border_of_the_factor(map_dataset: Path) -> None:
    targets = (sample_views("test", number)["photo"] for number in range(NUM_SAMPLES["test"]))

    def right_but_for_four_pixels_at_each_side(image: Tensor) -> Tensor:
        target = (torch.from_numpy(next(targets)).permute(2, 0, 1)[None] / 127.5 - 1).float()
        result = torch.ones_like(target)
        result[:, :, 4:-4, 4:-4] = target[:, :, 4:-4, 4:-4]
        return result

    config = tiny_config(map_dataset)
    degraded = replace(config.data, view_a="photo", view_b="photo", degrade=DegradeConfig(kind="downscale", factor=4))
    scores = evaluate(right_but_for_four_pixels_at_each_side, replace(config, data=degraded))
    assert scores["eval/psnr_y"] == LARGEST_DB
    assert scores["eval/psnr"] < 20
    assert {"baseline/mean/psnr_y", "baseline/identity/psnr_y"} <= scores.keys()


def test_luma_is_scored_where_colours_are_made_larger_only(map_dataset: Path) -> None:
    whole = subject_of(tiny_config(map_dataset))
    x2 = DegradeConfig(kind="downscale", factor=2)
    for view, degrade, expected in (("photo", x2, True), ("height", x2, False), ("photo", DegradeConfig(), False)):
        data = replace(whole.data, view_a=view, view_b=view, degrade=degrade)
        assert ("enlarged" in met_needs(replace(whole, data=data))) == expected


def test_the_best_checkpoint_is_chosen_by_a_score_that_the_run_will_have(tmp_path: Path, map_dataset: Path) -> None:
    paired = subject_of(tiny_config(map_dataset))
    for score in ("eval/psnr", "eval/miou", None):
        check_kept_score(score, paired)
    for score in ("eval/iou/sea", "psnr"):
        with pytest.raises(
            ConfigError, match=rf"^checkpoint\.keep_best = '{score}': is no score .*: eval/psnr, eval/ssim"
        ):
            check_kept_score(score, paired)
    write_unpaired_dataset(tmp_path)
    with pytest.raises(
        ConfigError, match=r"^checkpoint\.keep_best = 'eval/psnr': compares pairs, .*: eval/round_trip_psnr"
    ):
        check_kept_score("eval/psnr", subject_of(unpaired_config(tmp_path)))

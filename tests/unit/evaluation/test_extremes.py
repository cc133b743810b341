"""The worst and best images of a split: found by each score's direction, and kept in evaluation.json."""

import json
import math

import pytest
import torch

from tests.tiny_run import sample_views, subject_of, tiny_config
from trainer.config.errors import ConfigError
from trainer.evaluation.evaluate import write_evaluation
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.extremes import chief, find_extremes, read_extremes
from trainer.evaluation.metrics.psnr import psnr
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.ranks.world import lone_world
from trainer.runs.rundir import RunDir

SAMPLES = [(f"image {number}", number) for number in range(6)]


class Copies:
    """A method that gives what it gets."""

    translates_by_chance = False

    def translate(self, networks, image):
        return image


def without_networks(method):
    return Translator(method, Networks({}, {}), torch.contiguous_format)


def names(cases):
    return [case.key for case in cases]


def test_more_is_better_of_one_score_and_worse_of_another():
    values = [3.0, 1.0, 2.0, 5.0, 4.0, 0.0]
    found = find_extremes({"eval/psnr": values, "eval/stage_distance/mobilenet_v2": values}, SAMPLES, num=2)
    assert names(found["eval/psnr"].worst) == ["image 5", "image 1"]
    assert names(found["eval/psnr"].best) == ["image 3", "image 4"]
    assert names(found["eval/stage_distance/mobilenet_v2"].worst) == ["image 3", "image 4"]
    assert found["eval/psnr"].places == [1, 3, 4, 5]


def test_no_image_is_among_both_and_none_without_a_score():
    values = [math.nan, 2.0, 2.0, 1.0, math.nan, math.nan]
    found = find_extremes({"eval/miou": values, "eval/iou/sea": values}, SAMPLES)
    assert [*found] == ["eval/miou"]  # a class is a detail
    assert names(found["eval/miou"].worst) == ["image 3", "image 1"]
    assert names(found["eval/miou"].best) == ["image 2"]


def test_the_chief_is_the_wanted_one_or_the_first_headline():
    found = find_extremes({"eval/pixel_accuracy": [0.5], "eval/ssim": [0.5]}, SAMPLES[:1])
    assert chief(found) == "eval/ssim"
    assert chief(found, wanted="eval/pixel_accuracy") == "eval/pixel_accuracy"
    assert chief(found, wanted="eval/fd") == "eval/ssim"
    assert chief({}) is None


def test_an_evaluation_finds_those_of_each_image(map_dataset):
    config = tiny_config(map_dataset)
    evaluator = SplitEvaluator(
        subject_of(config), seed=0, split="test", world=lone_world(torch.device("cpu")), with_intervals=True
    )
    scores = evaluator(without_networks(Copies()))
    views = [sample_views("test", number) for number in range(3)]
    photos, maps = (
        torch.stack([torch.from_numpy(view[name]) for view in views]).permute(0, 3, 1, 2) / 127.5 - 1
        for name in ("photo", "map")
    )
    values = psnr(photos, maps).tolist()
    ends = evaluator.extremes["eval/psnr"]
    cases = sorted((*ends.worst, *ends.best), key=lambda case: case.place)
    assert [case.value for case in cases] == pytest.approx(values, abs=1e-4)
    assert scores["eval/psnr"] == pytest.approx(sum(values) / 3)
    assert ends.worst[0].value == min(case.value for case in cases)
    assert {"eval/psnr", "eval/ssim", "eval/miou"} <= {*evaluator.extremes}


def test_they_are_read_back_and_those_of_other_scores_stay(tmp_path, map_dataset):
    run = RunDir(tmp_path)
    kept = {"split": "test", "position": 8, "num_images": 6}
    first = find_extremes({"eval/psnr": [1.0, 2.0]}, SAMPLES[:2])
    second = find_extremes({"eval/ssim": [0.1, 0.2]}, SAMPLES[:2])
    write_evaluation(run, scores={"eval/psnr": 1.5}, extremes=first, **kept)
    write_evaluation(run, scores={"eval/ssim": 0.15}, extremes=second, **kept)
    assert read_extremes(run.evaluations()["test"]) == first | second
    assert read_extremes({}) == {}
    content = json.loads(run.evaluation_file.read_text())
    content["splits"]["test"]["extremes"]["eval/psnr"]["worst"][0]["place"] = -1
    run.evaluation_file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="place"):
        run.evaluations()

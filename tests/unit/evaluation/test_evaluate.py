"""Evaluation on a data set whose scores can be worked out by hand: see `tests/tiny_run.py`."""

import io
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console

from launch.commands import evaluate as evaluate_command
from sharding.errors import DatasetError
from tests.tiny_run import CLASSES, NUM_SAMPLES, POSITION, SIDE, coast, sample_views, subject_of, tiny_config
from trainer.config.errors import ConfigError
from trainer.evaluation.evaluate import evaluate_run, write_evaluation
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.metrics.psnr import LARGEST_DB
from trainer.inference.translator import Translator, load_translator
from trainer.methods.base import Networks
from trainer.pictures.classes import class_colors, paint_classes
from trainer.ranks.world import lone_world
from trainer.runs.opened import open_run

CPU = torch.device("cpu")
SILENT = Console(quiet=True)


class OneWay:
    """A method without networks."""

    translates_by_chance = True  # one image after the other

    def __init__(self, function):
        self.function = function

    def translate(self, networks, image):
        return self.function(image)


class BothWays(OneWay):
    def translate_back(self, networks, image):
        return self.function(image)


def without_networks(method):
    return Translator(method, Networks({}, {}), torch.contiguous_format)


def evaluate(translator, dataset, *, split="test", **data):
    if not isinstance(translator, Translator):
        translator = without_networks(OneWay(translator))
    config = tiny_config(dataset)
    config = replace(config, data=replace(config.data, **data))
    return SplitEvaluator(subject_of(config), seed=0, split=split, world=lone_world(CPU))(translator)


def all_sea(image):
    """Translates anything to sea."""
    indices = torch.zeros(len(image), *image.shape[2:], dtype=torch.long)
    return paint_classes(indices, class_colors(CLASSES))


def oracle(split):
    """A translation that knows the targets, and asks for them in stored order."""
    maps = iter([sample_views(split, number)["map"] for number in range(NUM_SAMPLES[split])])
    return lambda image: (torch.from_numpy(next(maps)).permute(2, 0, 1)[None] / 127.5 - 1).float()


def test_targets_themselves_have_the_best_scores(map_dataset):
    scores = evaluate(oracle("test"), map_dataset)
    assert scores["eval/psnr"] == LARGEST_DB
    assert scores["eval/ssim"] == pytest.approx(1, abs=3e-4)  # flat areas in float32
    assert scores["eval/pixel_accuracy"] == scores["eval/miou"] == 1
    assert scores["eval/miou_absent_as_zero"] == pytest.approx(2 / 3)  # there is no lake


def test_scores_of_a_translation_by_hand(map_dataset):
    # Coasts of the test split at columns 8, 12 and 16 of 32: 24 + 20 + 16 = 60 columns of 96 are sea.
    scores = evaluate(all_sea, map_dataset)
    assert [coast(number) for number in range(NUM_SAMPLES["test"])] == [8, 12, 16]
    assert scores["eval/pixel_accuracy"] == pytest.approx(60 / 96)
    assert scores["eval/accuracy/sea"] == 1
    assert scores["eval/iou/sea"] == pytest.approx(60 / 96)
    assert scores["eval/iou/land"] == 0
    assert scores["eval/miou"] == pytest.approx(60 / 96 / 2)


def test_the_mean_image_is_that_of_the_training_targets(map_dataset):
    scores = evaluate(all_sea, map_dataset)
    train, test = (
        np.stack([sample_views(split, number)["map"] for number in range(NUM_SAMPLES[split])]).astype(float)
        for split in ("train", "test")
    )
    # Coasts in training at 8, 12, 16, 20, 24: at each, green falls by a fifth of 255, so nothing is rounded.
    errors = np.square(train.mean(axis=0) - test).mean(axis=(1, 2, 3))
    expected = (10 * np.log10(255**2 / errors)).mean()
    assert scores["baseline/mean/psnr"] == pytest.approx(expected, abs=1e-4)


def test_class_scores_of_the_constant_image_are_those_of_the_majority(map_dataset):
    # Most of the training targets have land in columns 0 to 15, sea from 16 on (coasts at 8, 12, 16, 20, 24).
    # Test coasts at 8, 12, 16: 8 + 4 + 0 columns of 96 are wrong, all of them sea taken for land.
    scores = evaluate(all_sea, map_dataset)
    assert scores["baseline/mean/pixel_accuracy"] == pytest.approx(84 / 96)
    assert scores["baseline/mean/accuracy/land"] == 1
    assert scores["baseline/mean/accuracy/sea"] == pytest.approx(48 / 60)
    assert scores["baseline/mean/iou/land"] == pytest.approx(36 / 48)


def test_identity_is_the_input_itself(map_dataset):
    scores = evaluate(all_sea, map_dataset)
    samples = [sample_views("test", number) for number in range(NUM_SAMPLES["test"])]
    errors = [np.square(views["photo"].astype(float) - views["map"]).mean() for views in samples]
    expected = np.mean([10 * np.log10(255**2 / error) for error in errors])
    assert scores["baseline/identity/psnr"] == pytest.approx(expected, abs=1e-4)


def test_identity_of_one_channel_is_grey_and_of_three_to_one_has_no_scores(map_dataset):
    grey = evaluate(all_sea, map_dataset, view_a="height")
    assert grey["baseline/identity/psnr"] > 0
    flattened = evaluate(lambda image: image[:, :1], map_dataset, view_a="photo", view_b="height")
    assert not any(key.startswith("baseline/identity") for key in flattened)
    assert not any("miou" in key for key in flattened)  # noise renders no classes


def test_baselines_are_computed_once_and_stay(map_dataset):
    evaluator = SplitEvaluator(subject_of(tiny_config(map_dataset)), seed=0, split="test", world=lone_world(CPU))
    first, second = (evaluator(without_networks(OneWay(way))) for way in (all_sea, oracle("test")))
    assert first.keys() == second.keys()
    assert first["eval/psnr"] != second["eval/psnr"]
    assert first["baseline/mean/psnr"] == second["baseline/mean/psnr"]


def test_noise_repeats_and_leaves_the_random_state_alone(tiny_run, map_dataset):
    translator, _ = load_translator(open_run(tiny_run), device=CPU)
    image = torch.rand(1, 3, SIDE, SIDE)
    assert not torch.equal(translator.translate(image), translator.translate(image))  # dropout is at work
    before = torch.random.get_rng_state()
    first = evaluate(translator, map_dataset)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert evaluate(translator, map_dataset) == first


def test_a_run_is_scored_into_its_files(tiny_run):
    scores = evaluate_run(open_run(tiny_run), device=CPU, console=SILENT)
    record = json.loads(tiny_run.evaluation_file.read_text())
    written = record["splits"]
    assert record["format"] == 1
    assert written["test"]["scores"] == scores
    assert written["test"]["position"] == POSITION
    assert written["test"]["num_images"] == NUM_SAMPLES["test"]
    assert tiny_run.evaluation_picture.is_file()


def test_the_command_writes_the_report_too(tiny_run):
    assert evaluate_command.main([str(tiny_run.path), "--device", "cpu"]) == 0
    assert tiny_run.evaluation_file.is_file()
    assert tiny_run.report_file.is_file()


def test_a_run_that_was_scored_on_the_way_is_not_finished(tiny_run):
    assert not tiny_run.is_finished("test")
    evaluate_run(open_run(tiny_run), device=CPU, console=SILENT)
    total = tiny_run.config().train.total_images
    assert tiny_run.evaluations()["test"]["position"] == POSITION < total
    assert not tiny_run.is_finished("test")
    write_evaluation(tiny_run, split="test", position=total, num_images=1, scores={})
    assert tiny_run.is_finished("test")
    assert not tiny_run.is_finished("val")


def test_an_earlier_checkpoint_leaves_the_final_scores(tiny_run):
    write_evaluation(tiny_run, split="test", position=2000, num_images=3, scores={"eval/psnr": 99.0})
    assert tiny_run.is_finished("test")
    scores = evaluate_run(open_run(tiny_run), device=CPU, console=SILENT)
    found = tiny_run.evaluations()
    assert found["test"]["scores"] == {"eval/psnr": 99.0}
    assert found["test after 1200 images"]["scores"] == scores
    assert (tiny_run.path / "evaluation-00001200.png").is_file()
    assert not tiny_run.evaluation_picture.exists()
    assert tiny_run.is_finished("test")


def test_a_second_split_leaves_the_first(tiny_run):
    evaluate_run(open_run(tiny_run), device=CPU, console=SILENT)
    evaluate_run(open_run(tiny_run), split="val", device=CPU, console=SILENT)
    assert set(tiny_run.evaluations()) == {"test", "val"}


def test_the_table_shows_margins(tiny_run):
    console = Console(record=True, width=120, file=io.StringIO())
    evaluate_run(open_run(tiny_run), device=CPU, console=console)
    text = " ".join(console.export_text().split())  # a long path breaks the title
    assert "PSNR" in text
    assert "dB" in text
    assert f"after {POSITION} images" in text


def test_an_unknown_split_is_named_with_the_known_ones(tiny_run):
    with pytest.raises(DatasetError, match=r"holdout.*train, val, test"):
        evaluate_run(open_run(tiny_run), split="holdout", device=CPU, console=SILENT)


def test_a_run_without_checkpoint_says_so(tiny_run):
    next(tiny_run.checkpoints.glob("*/state.json")).unlink()
    with pytest.raises(ConfigError, match="no complete checkpoint"):
        evaluate_run(open_run(tiny_run), device=CPU, console=SILENT)


def test_a_replaced_data_set_is_refused(tiny_run):
    record = tiny_run.record() | {"dataset_sha256": "0" * 64}
    tiny_run.run_file.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match="not the data set"):
        evaluate_run(open_run(tiny_run), device=CPU, console=SILENT)


def test_a_way_back_is_scored_against_the_input_and_so_is_the_round_trip(map_dataset):
    scores = evaluate(without_networks(BothWays(torch.neg)), map_dataset, view_a="photo", view_b="map")
    assert scores["eval/round_trip_psnr"] == LARGEST_DB  # the input, turned twice
    assert 0 < scores["eval/back_psnr"] < 20  # the map, for a photo of noise


def test_a_method_that_only_samples_has_no_scores_of_pictures(map_dataset):
    assert evaluate(without_networks(SimpleNamespace(translates_by_chance=False)), map_dataset) == {}

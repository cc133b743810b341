"""Generated photos are scored by what a network, trained on real ones, finds in them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tiny_run import CHANNELS, subject_of, tiny_config, write_tiny_run
from tests.unit.evaluation.judges.scenes import NUM_SAMPLES, VOID, labels_to_photo, numbers_of, photo_of, write_scenes
from trainer.config.errors import ConfigError
from trainer.data.split import split_images
from trainer.evaluation.evaluate import evaluate_run
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.judges.asked import Asked
from trainer.evaluation.judges.fcn_judge import FcnJudge
from trainer.evaluation.judges.label_maps import LabelMaps, label_window
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.ranks.world import lone_world
from trainer.reports.page import render_report
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
WORLD = lone_world(CPU)


class OneWay:
    """A method without networks."""

    translates_by_chance = True  # one image after the other

    def __init__(self, function):
        self.function = function

    def translate(self, networks, image):
        return self.function(image)


def scores_of(translate, subject, fcn_file, *, split="val"):
    judge = FcnJudge(fcn_file, subject, split=split, world=WORLD)
    translator = Translator(OneWay(translate), Networks({}, {}), torch.contiguous_format)
    return SplitEvaluator(subject, seed=0, split=split, world=WORLD, judges=[judge])(translator)


def oracle(split):
    """Makes the real photos, in stored order."""
    photos = iter([photo_of(split, place) for place in range(NUM_SAMPLES[split])])
    return lambda image: (torch.from_numpy(next(photos)).permute(2, 0, 1)[None] / 127.5 - 1).float()


@pytest.mark.parametrize("labels", ["numbers", "colors"])
def test_real_photos_have_the_scores_of_the_networks_own_file(scenes_folder, fcn_file, labels):
    subject = labels_to_photo(scenes_folder, labels=labels)
    scores = scores_of(oracle("val"), subject, fcn_file)
    judge = FcnJudge(fcn_file, subject, split="val", world=WORLD)
    for name, value in judge.fcn.info.scores["val"].items():
        assert scores[f"eval/fcn_{name}"] == scores[f"baseline/real/fcn_{name}"] == pytest.approx(value)


def test_photos_that_show_nothing_are_told_from_real_ones(scenes_folder, fcn_file):
    scores = scores_of(torch.zeros_like, labels_to_photo(scenes_folder), fcn_file)
    assert scores["eval/fcn_miou"] < 0.5 < scores["baseline/real/fcn_miou"]
    assert {"baseline/mean/fcn_pixel_accuracy", "baseline/identity/fcn_pixel_accuracy"} <= scores.keys()


def test_a_run_may_translate_photos_whose_labels_it_does_not_see(tmp_path, fcn_file):
    """Beside the run's own views the labels are those of the only view that shows classes."""
    write_scenes(tmp_path, names=("photo", "evening", "numbers"))
    scores = scores_of(oracle("val"), labels_to_photo(tmp_path, labels="evening"), fcn_file)
    assert scores["eval/fcn_miou"] == scores["baseline/real/fcn_miou"] > 0.5


def maps_of(subject, *, view):
    maps = LabelMaps(subject, view=view, split="val", world=WORLD)
    return [maps.of(batch)[0].numpy() for batch in split_images(subject, split="val", world=WORLD)]


def true_maps(part: slice) -> list[np.ndarray]:
    numbers = [numbers_of("val", place)[part, part].astype(int) for place in range(NUM_SAMPLES["val"])]
    return [np.where(each == VOID, -1, each) for each in numbers]


@pytest.mark.parametrize("view", ["numbers", "colors"])
@pytest.mark.parametrize(
    ("sizes", "part"),
    [
        ({}, slice(None)),
        ({"load_size": 16, "crop_size": 16}, slice(None)),
        ({"load_size": 32, "crop_size": 16}, slice(8, 24)),
        ({"load_size": 20, "crop_size": 16}, slice(3, 29)),  # 16 of 20 pixels are 25.6 of 32
        ({"load_size": 20, "crop_size": 16, "resize": "cover"}, slice(3, 29)),
        ({"crop_size": 16, "resize": "none"}, slice(8, 24)),
    ],
)
def test_labels_are_the_part_that_the_photo_shows_as_they_are_stored(scenes_folder, view, sizes, part):
    found, expected = maps_of(labels_to_photo(scenes_folder, **sizes), view=view), true_maps(part)
    assert len(found) == NUM_SAMPLES["val"]
    for own, true in zip(found, expected, strict=True):
        assert np.array_equal(own, true)


def test_labels_of_several_sizes_are_scaled_as_the_photos(scenes_folder):
    subject = labels_to_photo(scenes_folder, crop_size=16)
    views = {name: replace(view, width=None, height=None) for name, view in subject.manifest.views.items()}
    subject = replace(subject, manifest=replace(subject.manifest, views=views))
    assert label_window(subject, "numbers") == (None, (16, 16))


def test_labels_can_be_read_again_and_in_batches(scenes_folder):
    subject = labels_to_photo(scenes_folder)
    maps = LabelMaps(subject, view="numbers", split="val", world=WORLD)
    for _ in range(2):
        (batch,) = split_images(subject, split="val", world=WORLD, batch_size=4)
        assert np.array_equal(maps.of(batch).numpy(), np.stack(true_maps(slice(None))))


def test_a_run_is_judged_and_its_report_says_how(tmp_path, scenes_folder, fcn_file, recorded_console, monkeypatch):
    monkeypatch.setitem(CHANNELS, "colors", 3)
    run = RunDir(tmp_path / "runs" / "photos")
    config = tiny_config(scenes_folder)
    data = replace(config.data, view_a="colors", view_b="photo", load_size=32, crop_size=32)
    write_tiny_run(run, replace(config, data=data))
    opened = open_run(run)
    scores = evaluate_run(opened, device=CPU, asked=Asked(fcn=fcn_file), split="val", console=recorded_console)
    entry = run.evaluations()["val"]
    assert entry["scores"]["eval/fcn_miou"] == scores["eval/fcn_miou"]
    assert "brought to 32 x 32 bilinearly, segmented by scenes.fcn" in entry["notes"]["fcn"]
    assert "brought to 32 x 32 bilinearly" in render_report(run)
    assert "Classes that the segmentation network finds" in render_report(run)
    assert (run.path / "evaluation-fcn.png").is_file()
    assert not (run.path / "evaluation-classes.png").exists()
    assert "real images" in recorded_console.export_text()
    evaluate_run(opened, device=CPU, split="val", console=recorded_console)
    assert run.evaluations()["val"]["scores"]["eval/fcn_miou"] == scores["eval/fcn_miou"]
    assert run.evaluations()["val"]["notes"] == entry["notes"]


def test_whoever_cannot_be_judged_is_told_why(scenes_folder, fcn_file, map_dataset, tmp_path):
    to_labels = labels_to_photo(scenes_folder, labels="photo")
    to_labels = replace(to_labels, data=replace(to_labels.data, view_b="colors"))
    other = subject_of(tiny_config(map_dataset))
    other = replace(other, data=replace(other.data, view_a="map", view_b="photo"))
    blind = replace(labels_to_photo(scenes_folder), data=replace(to_labels.data, view_a="photo", view_b="photo"))
    cases = [
        (to_labels, fcn_file, "which is no photo of 8 bits"),
        (other, fcn_file, "its class is 'night' for 'sea'"),
        (blind, fcn_file, "several do, numbers, colors"),
        (to_labels, tmp_path / "none.fcn", "there is no such file"),
    ]
    for subject, path, message in cases:
        with pytest.raises(ConfigError, match=message):
            Asked(fcn=path).check(subject)
            FcnJudge(path, subject, split="val", world=WORLD)

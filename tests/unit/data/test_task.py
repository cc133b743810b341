"""Runs and data sets that do not fit are told apart before anything starts, with what would work."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from sharding.manifest import DatasetError, LabelInfo, Manifest, Shard, View
from trainer.config import ConfigError, DataConfig, DegradeConfig, GeneratorConfig
from trainer.task import check_task, knows_truth, resolve_task

VIEWS = {
    "photo": View(extension="photo.jpg", width=64, height=64),
    "height": View(extension="height.png", channels=1, width=64, height=64),
    "deep": View(extension="deep.png", channels=1, dtype="uint16", width=64, height=64),
    "classes": View(extension="classes.png", channels=1, content="classes", width=64, height=64),
}
LABELS = {"season": LabelInfo(names=["winter", "summer"]), "age": LabelInfo(names=["0-5", "6-10", "11+"], ordinal=True)}


def shard(*, view=None, num_samples=4):
    path = f"train/{view}.tar"
    return Shard(path=path, num_samples=num_samples, num_bytes=1, sha256="", index_sha256="", view=view)


PAIRED = Manifest(name="p", views=VIEWS, labels=LABELS, splits={"train": [shard()]})
UNPAIRED = Manifest(
    name="u",
    kind="unpaired",
    views=VIEWS,
    splits={"train": [shard(view="photo"), shard(view="height"), shard(view="deep", num_samples=0)]},
)


def run(*, pairing="paired", needs_label=False, **data):
    """As much of a RunConfig as is asked."""
    options = {"path": Path("d"), "view_a": "height", "view_b": "photo", "load_size": 64, "crop_size": 32} | data
    method = SimpleNamespace(name="some", pairing=pairing, needs_label=needs_label)
    return SimpleNamespace(data=DataConfig(**options), method=method)


def degraded(**data):
    return run(view_a="photo", degrade=DegradeConfig(kind="blur"), **data)


def test_networks_are_sized_by_the_views_the_crop_and_the_label():
    task = resolve_task(run(label="age"), PAIRED)
    assert (task.channels_a, task.channels_b, task.side, task.num_labels) == (1, 3, 32, 3)
    assert resolve_task(run(), PAIRED).num_labels == 0


def test_views_of_other_channels_rule_out_a_residual_before_anything_starts():
    config = run()
    config.method.generator = GeneratorConfig(residual=True)
    with pytest.raises(ConfigError, match=r"method\.generator\.residual = True: one view has 1 .* the other 3"):
        check_task(config, PAIRED)
    config.data = degraded().data
    check_task(config, PAIRED)


def test_one_view_is_the_target_view():
    task = resolve_task(run(pairing="single", view_a="no such view"), PAIRED)
    assert (task.channels_a, task.channels_b) == (3, 3)


@pytest.mark.parametrize(
    ("config", "manifest", "message"),
    [
        (run(view_b="relief"), PAIRED, r"data\.view_b = 'relief': d has no such view; of images it has: photo, height"),
        (run(view_a="classes"), PAIRED, r"data\.view_a = 'classes': holds class indices.*photo, height"),
        (run(view_a="deep"), PAIRED, r"data\.view_a = 'deep': has 1 channels of uint16, where 1 or 3 of uint8"),
        (run(), UNPAIRED, r"method\.name = 'some': learns from pairs.*cyclegan.*paired data set"),
        (run(needs_label=True), PAIRED, r"data\.label = None: method\.name = 'some' needs one; d has: season, age"),
        (run(needs_label=True, pairing="unpaired"), UNPAIRED, r"data\.label = None.*d has: none"),
        (run(label="sex"), PAIRED, r"data\.label = 'sex': d has no such label; it has: season, age"),
    ],
)
def test_what_does_not_fit_is_named_with_what_does(config, manifest, message):
    with pytest.raises(ConfigError, match=message):
        resolve_task(config, manifest)


@pytest.mark.parametrize(
    ("config", "manifest"),
    [
        (run(pairing="unpaired"), UNPAIRED),
        (run(pairing="unpaired"), PAIRED),
        (run(pairing="single"), UNPAIRED),
        (run(label="season"), PAIRED),
        (degraded(), UNPAIRED),
    ],
)
def test_what_fits_is_accepted(config, manifest):
    check_task(config, manifest)


@pytest.mark.parametrize("splits", [{}, {"train": []}, {"test": [shard()]}, {"train": [shard(view="height")]}])
def test_a_view_without_training_images_is_named(splits):
    with pytest.raises(DatasetError, match="d has no training images of view 'photo'"):
        check_task(run(pairing="single"), replace(UNPAIRED, splits=splits))


def test_the_truth_is_known_of_pairs_and_of_what_is_degraded():
    assert knows_truth(run().data, PAIRED)
    assert knows_truth(degraded().data, UNPAIRED)
    assert not knows_truth(run().data, UNPAIRED)


def test_asking_costs_no_torch():
    program = "import sys, trainer.task; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

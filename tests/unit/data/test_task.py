"""Runs and data sets that do not fit are told apart before anything starts, with what would work."""

import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from sharding.errors import DatasetError
from sharding.format.manifest import ClassInfo, LabelInfo, Manifest, Shard, View
from trainer.config.data import DataConfig, DegradeConfig, JitterConfig
from trainer.config.errors import ConfigError
from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig
from trainer.data.subject import Subject
from trainer.data.views import trained_view
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.runs.config import RunConfig
from trainer.runs.task import check_task, resolve_task

VIEWS = {
    "photo": View(extension="photo.jpg", width=64, height=64),
    "height": View(extension="height.png", channels=1, width=64, height=64),
    "deep": View(extension="deep.png", channels=1, dtype="uint16", width=64, height=64),
    "wide": View(extension="wide.png", width=128, height=64),
    "double": View(extension="double.png", width=128, height=128),
    "classes": View(extension="classes.png", channels=1, content="classes", width=64, height=64),
}
LABELS = {"season": LabelInfo(names=["winter", "summer"]), "age": LabelInfo(names=["0-5", "6-10", "11+"], ordinal=True)}


BLUR = DegradeConfig(kind="blur")
BRIGHT, COLORFUL = JitterConfig(brightness=0.5), JitterConfig(saturation=0.5)


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


@dataclass(frozen=True, kw_only=True)
class SomeConfig(MethodConfig):
    """A method's section that holds a generator by a name of its own."""

    name: str = "some"
    mapping: GeneratorConfig = field(default_factory=GeneratorConfig)


class ThreeConfig(Pix2PixConfig):
    needs_view_c = True


def run(*, pairing="paired", needs_label=False, residual=False, declared=None, **data):
    """As much of a RunConfig as is asked."""
    options = {"path": Path("d"), "view_a": "height", "view_b": "photo", "load_size": 64, "crop_size": 32} | data
    section = type("Some", (SomeConfig,), {"pairing": pairing, "needs_label": needs_label} | (declared or {}))
    method = section(mapping=GeneratorConfig(residual=residual))
    return SimpleNamespace(data=DataConfig(**options), method=method)


def seen(config, manifest):
    return Subject(data=config.data, method=config.method, manifest=manifest)


def degraded(**data):
    return run(view_a="photo", degrade=DegradeConfig(kind="blur"), **data)


def test_networks_are_sized_by_the_views_the_crop_and_the_label():
    task = resolve_task(seen(run(label="age"), PAIRED))
    assert (task.channels_a, task.channels_b, task.side, task.num_labels) == (1, 3, 32, 3)
    assert resolve_task(seen(run(), PAIRED)).num_labels == 0


@pytest.mark.parametrize(
    ("method", "view_c", "message"),
    [
        (
            Pix2PixConfig(),
            "wide",
            r"data\.view_c = 'wide': is of no use: method\.name = 'pix2pix' learns from no third",
        ),
        (ThreeConfig(), "photo", r"data\.view_c = 'photo': must differ from data\.view_a = 'height' and"),
    ],
)
def test_a_third_view_is_one_that_the_method_takes(method, view_c, message):
    with pytest.raises(ConfigError, match=message):
        RunConfig(method=method, data=run(view_c=view_c, load_size=256, crop_size=256).data)


def test_networks_may_be_sized_by_more_labels_a_third_view_and_classes():
    declared = {"further_labels": {"second_label": "season"}, "needs_view_c": True, "class_views": ("a",)}
    config = run(label="age", view_a="classes", view_c="height", declared=declared)
    colors = [ClassInfo(name="sea", color=(0, 0, 255)), ClassInfo(name="ice", color=(255, 255, 255))]
    subject = seen(config, replace(PAIRED, classes=colors))
    task = resolve_task(subject)
    assert (task.num_labels, dict(task.num_values), task.channels_c) == (3, {"age": 3, "season": 2}, 1)
    assert task.class_colors == ((0, 0, 255), (255, 255, 255))
    assert subject.views == ("classes", "photo", "height")  # all three must be there, and are held out together


def test_views_of_other_channels_rule_out_a_residual_before_anything_starts():
    config = run(residual=True)
    with pytest.raises(ConfigError, match=r"^method\.mapping\.residual = True: one view has 1 .* the other 3"):
        check_task(seen(config, PAIRED))
    config.data = degraded().data
    check_task(seen(config, PAIRED))


def test_one_view_is_the_target_view():
    task = resolve_task(seen(run(pairing="single", view_a="no such view"), PAIRED))
    assert (task.channels_a, task.channels_b) == (3, 3)


@pytest.mark.parametrize(
    ("config", "manifest", "message"),
    [
        (run(view_b="relief"), PAIRED, r"data\.view_b = 'relief': d has no such view; it has: photo, height"),
        (run(view_a="classes"), PAIRED, r"data\.view_a = 'classes': holds class numbers, but d names no classes"),
        (
            run(view_a="deep", view_b="deep", degrade=BLUR),
            PAIRED,
            r"degrade\.kind = 'blur': works on 8 bits.*of uint16",
        ),
        (
            run(resize="none", crop_size=65),
            PAIRED,
            r"data\.crop_size = 65: is larger than .*'height', which have 64 x 64",
        ),
        (run(resize="none", view_a="wide"), PAIRED, r"data\.resize = 'none': view 'wide' has 128x64 .*use stretch"),
        (run(resize="cover", view_a="wide"), PAIRED, r"data\.resize = 'cover': view 'wide' has 128x64 .*use stretch"),
        (run(jitter=BRIGHT, view_a="deep"), PAIRED, r"data\.jitter\.view = 'a': 'deep' is of 1 channels of uint16"),
        (run(jitter=COLORFUL), PAIRED, r"data\.jitter\.saturation = 0\.5: 'height' has no colours"),
        (run(jitter=BRIGHT, pairing="single"), PAIRED, r"data\.jitter\.view = 'a': .*view b alone; use b"),
        (run(), UNPAIRED, r"method\.name = 'some': learns from pairs.*cyclegan.*paired data set"),
        (run(needs_label=True), PAIRED, r"data\.label = None: method\.name = 'some' needs one; d has: season, age"),
        (run(needs_label=True, pairing="unpaired"), UNPAIRED, r"data\.label = None.*d has: none"),
        (run(label="sex"), PAIRED, r"data\.label = 'sex': d has no such label; it has: season, age"),
        (
            run(declared={"further_labels": {"second_label": "sex"}}),
            PAIRED,
            r"method\.second_label = 'sex': d has no such label; it has: season, age",
        ),
        (
            run(label="age", declared={"further_labels": {"second_label": "age"}}),
            PAIRED,
            r"method\.second_label = 'age': is data\.label already; name another of: season, age",
        ),
        (
            run(declared={"needs_view_c": True}),
            PAIRED,
            r"data\.view_c = None: .*'some' needs a third view; d has: photo, ",
        ),
        (run(view_c="depth"), PAIRED, r"data\.view_c = 'depth': d has no such view; it has: photo, "),
        (run(view_c="wide", resize="cover"), PAIRED, r"'height' has 64x64 pixels and 'wide' 128x64"),
        (
            run(declared={"class_views": ("a",)}),
            PAIRED,
            r"data\.view_a = 'height': holds no class numbers, .*'some' takes; views of d that do: classes\.",
        ),
        (
            run(view_a="classes", declared={"class_views": ("a",)}),
            replace(
                PAIRED, classes=[ClassInfo(name="sea", color=(0, 0, 255)), ClassInfo(name="ice", color=(0, 0, 255))]
            ),
            r"data\.path = 'd': shows its classes 'sea' and 'ice' in one colour, \(0, 0, 255\)",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_what_does(config, manifest, message):
    with pytest.raises(ConfigError, match=message):
        resolve_task(seen(config, manifest))


@pytest.mark.parametrize(
    ("config", "manifest"),
    [
        (run(pairing="unpaired"), UNPAIRED),
        (run(pairing="unpaired"), PAIRED),
        (run(pairing="single"), UNPAIRED),
        (run(label="season"), PAIRED),
        (degraded(), UNPAIRED),
        (run(view_a="deep"), PAIRED),
        (run(view_a="classes"), replace(PAIRED, classes=[ClassInfo(name="sea", color=(0, 0, 255))])),
        (run(resize="cover", view_a="double"), PAIRED),
        (
            run(resize="none", view_a="wide", pairing="unpaired"),
            replace(UNPAIRED, splits={"train": [shard(view="wide"), shard(view="photo")]}),
        ),
        (run(jitter=BRIGHT), PAIRED),
    ],
)
def test_what_fits_is_accepted(config, manifest):
    check_task(seen(config, manifest))


@pytest.mark.parametrize("splits", [{}, {"train": []}, {"test": [shard()]}, {"train": [shard(view="height")]}])
def test_a_view_without_training_images_is_named(splits):
    with pytest.raises(DatasetError, match="d has no training images of view 'photo'"):
        check_task(seen(run(pairing="single"), replace(UNPAIRED, splits=splits)))


def test_the_truth_is_known_of_pairs_and_of_what_is_degraded():
    assert seen(run(), PAIRED).knows_truth
    assert seen(degraded(), UNPAIRED).knows_truth
    assert not seen(run(), UNPAIRED).knows_truth


def test_asking_costs_no_torch():
    program = "import sys, trainer.data.subject; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_class_numbers_are_trained_on_as_colours():
    manifest = replace(PAIRED, classes=[ClassInfo(name="sea", color=(0, 0, 255))])
    task = resolve_task(seen(run(view_a="classes"), manifest))
    assert (task.channels_a, task.channels_b) == (3, 3)
    assert trained_view(manifest, "classes").renders_classes
    assert trained_view(manifest, "deep") == VIEWS["deep"]

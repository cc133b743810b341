"""Pixels of no class, 255 or a colour that is no class's, count neither for nor against whoever is scored."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sharding.format.manifest import ClassInfo, View
from tests.tiny_run import subject_of, tiny_config
from tests.unit.data.tiny_shards import encode, noise, write_dataset
from trainer.data.subject import Subject
from trainer.evaluation.constant_images import constant_images
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.pictures.classes import class_colors, nearest_class, paint_classes
from trainer.pictures.files import class_palette
from trainer.ranks.world import lone_world

SIDE, VOID = 20, 255
CLASSES = [
    ClassInfo(name="night", color=(0, 0, 0)),
    ClassInfo(name="sky", color=(70, 130, 180)),
    ClassInfo(name="road", color=(128, 64, 128)),
]
OTHER = (1, 2, 3)
"""A colour that is no class's, and near one that is."""
VIEWS = {
    "photo": View(extension="photo.png", width=SIDE, height=SIDE),
    "numbers": View(extension="numbers.png", width=SIDE, height=SIDE, content="classes", channels=1),
    "colors": View(extension="colors.png", width=SIDE, height=SIDE, renders_classes=True),
}
WORLD = lone_world(torch.device("cpu"))


def true_numbers() -> np.ndarray:
    """(20, 20) of three stripes and more sky than all else; the first 44 pixels, 11 %, are of no class."""
    numbers = np.ones((SIDE, SIDE), np.uint8)
    numbers[5:9], numbers[14:] = 0, 2
    numbers.reshape(-1)[:44] = VOID
    return numbers


def sample(key: str, numbers: np.ndarray) -> tuple[str, dict[str, bytes]]:
    colors = np.full((VOID + 1, 3), OTHER, np.uint8)
    colors[: len(CLASSES)] = [info.color for info in CLASSES]
    photo = encode(noise(1, side=SIDE), "png")
    return key, {"photo": photo, "numbers": encode(numbers, "png"), "colors": encode(colors[numbers], "png")}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    """Of three training targets two are of no class in their left half."""
    half = true_numbers()
    half[:, : SIDE // 2] = VOID
    train = [sample("a", half), sample("b", half), sample("c", true_numbers())]
    splits = {"train": [train], "test": [[sample("d", true_numbers())]]}
    folder = tmp_path_factory.mktemp("void")
    write_dataset(folder, views=VIEWS, classes=CLASSES, splits=splits)
    return folder


def subject(dataset, *, view: str, side: int) -> Subject:
    whole = subject_of(tiny_config(dataset))
    return replace(whole, data=replace(whole.data, view_b=view, crop_size=side, load_size=side))


def knowing(side: int):
    """A translation that is right wherever anyone can tell, and shows sky elsewhere."""
    numbers = torch.from_numpy(np.where(true_numbers() == VOID, 1, true_numbers()))[None, None].float()
    resized = F.interpolate(numbers, (side, side), mode="nearest-exact")[0].long()
    return lambda image: paint_classes(resized, class_colors(CLASSES))


class OneWay:
    """A method without networks."""

    translates_by_chance = True  # one image after the other

    def __init__(self, function):
        self.function = function

    def translate(self, networks, image):
        return self.function(image)


@pytest.mark.parametrize("side", [SIDE, 16], ids=["stored size", "resized"])
@pytest.mark.parametrize("view", ["numbers", "colors"])
def test_right_at_every_labelled_pixel_is_perfect(dataset, view: str, side: int):
    translator = Translator(OneWay(knowing(side)), Networks({}, {}), torch.contiguous_format)  # pyright: ignore
    scores = SplitEvaluator(subject(dataset, view=view, side=side), seed=0, split="test", world=WORLD)(translator)
    for name in ("pixel_accuracy", "class_accuracy", "miou", "miou_absent_as_zero"):
        assert scores[f"eval/{name}"] == 1
        assert scores[f"baseline/mean/{name}"] == 1  # one training target shows the left half, which is enough


@pytest.mark.parametrize("view", ["numbers", "colors"])
def test_what_no_training_target_shows_is_guessed_to_be_the_commonest(dataset, view: str):
    majority = constant_images(subject(dataset, view=view, side=SIDE), classes=CLASSES, world=WORLD)[1]
    numbers = nearest_class(majority, class_colors(CLASSES))[0].numpy()
    assert (numbers == np.where(true_numbers() == VOID, 1, true_numbers())).all()


@pytest.mark.parametrize(
    ("greys", "void"),
    [([], 0), ([0], 255), ([0, 255], 128), ([0, 255, 128], 1), ([*range(254), 255], 254)],
    ids=["none", "black", "white, too", "grey, too", "most"],
)
def test_no_class_has_a_colour_of_its_own(greys: list[int], void: int):
    palette = class_palette([ClassInfo(name=str(level), color=(level, level, level)) for level in greys])
    assert palette[VOID].tolist() == [void] * 3
    assert palette[: len(greys), 0].tolist() == greys

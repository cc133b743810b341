"""What a method can ask of batches besides two views and a label: more labels, class numbers, a third view."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sharding.format.manifest import ClassInfo, View
from tests.unit.data.loading import assert_equal, evaluate, method_of, open_loader, take
from tests.unit.data.test_loader import expected_crop
from tests.unit.data.tiny_shards import SHARDS, SIDE, encode, noise, noisy_labels, noisy_pixels, write_dataset
from trainer.data.order import augmentation
from trainer.pictures.classes import NO_CLASS, class_colors, paint_classes

CROP = 16
CLASSES = [ClassInfo(name="void", color=(0, 0, 0)), ClassInfo(name="sea", color=(0, 0, 255)),
           ClassInfo(name="ice", color=(250, 255, 255))]  # fmt: skip
THREE = method_of("paired", needs_view_c=True, further_labels={"size_label": "size", "kind_label": "kind"})
NUMBERED = method_of("paired", class_views=("a", "c"), needs_view_c=True)
WANTED = {"method": THREE, "view_c": "map", "label": "kind"}


def ordinal_of(key: str) -> int:
    return int(key.rpartition("-")[2])


def test_labels_and_a_third_view_are_of_the_same_sample_and_crop(noisy: Path):
    for batch in take(6, noisy, **WANTED):
        assert batch.c is not None
        assert list(batch.labels) == ["kind", "size"]
        for row, (key, position) in enumerate(zip(batch.keys, batch.index.tolist(), strict=True)):
            for image, view in ((batch.a, "photo"), (batch.b, "height"), (batch.c, "map")):
                crop = expected_crop(ordinal_of(key), view, position=position)
                np.testing.assert_allclose(image[row], crop, atol=1e-6)
            values = {name: int(values[row]) for name, values in batch.labels.items()}
            assert values == noisy_labels(ordinal_of(key))
        assert torch.equal(batch.label, batch.labels["kind"])


def test_they_are_the_same_on_two_ranks_and_after_a_resume(noisy: Path):
    alone = take(6, noisy, **WANTED)
    shared = [take(6, noisy, batch_size=2, rank=rank, world_size=2, **WANTED) for rank in range(2)]
    for whole, *parts in zip(alone, *shared, strict=True):
        assert torch.equal(whole.c, torch.cat([part.c for part in parts]))
        assert torch.equal(whole.labels["size"], torch.cat([part.labels["size"] for part in parts]))
    first = open_loader(noisy, **WANTED)
    next(first)
    first.close()
    for batch, other in zip(alone[1:], take(5, noisy, start_position=first.position, **WANTED), strict=True):
        assert_equal(batch, other)


def test_an_evaluation_has_them_too(noisy: Path):
    batches = list(evaluate(noisy, **WANTED))
    labels = torch.cat([batch.labels["size"] for batch in batches]).tolist()
    assert labels == [noisy_labels(ordinal)["size"] for ordinal in range(sum(SHARDS["test"]))]
    corner = (SIDE - CROP) // 2
    pixels = noisy_pixels("test", 0, "map")[corner : corner + CROP, corner : corner + CROP]
    np.testing.assert_allclose(batches[0].c[0], pixels.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


def test_without_a_wish_there_is_nothing_more(noisy: Path):
    (batch,) = take(1, noisy, label="kind")
    assert (batch.c, list(batch.labels), dict(batch.classes)) == (None, ["kind"], {})


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Views `classes`, `photo` and `more`, of which the outer two hold class numbers, 255 for none among them."""
    folder = tmp_path_factory.mktemp("numbered")
    of_classes = {"channels": 1, "content": "classes", "width": SIDE, "height": SIDE}
    views = {
        "classes": View(extension="classes.png", **of_classes),
        "photo": View(extension="photo.png", width=SIDE, height=SIDE),
        "more": View(extension="more.png", **of_classes),
    }
    samples = [(f"x-{ordinal}", encoded(ordinal)) for ordinal in range(8)]
    write_dataset(folder, views=views, classes=CLASSES, splits={"train": [samples], "test": [samples[:2]]})
    return folder


def encoded(ordinal: int) -> dict[str, bytes]:
    images = {"classes": numbers(ordinal, 0), "photo": noise(ordinal, side=SIDE), "more": numbers(ordinal, 1)}
    return {view: encode(image, "png") for view, image in images.items()}


def numbers(ordinal: int, view: int) -> np.ndarray:
    """[SIDE, SIDE] of 0, 1, 2 and 255."""
    drawn = np.random.default_rng((ordinal, view)).integers(0, 4, (SIDE, SIDE))
    return np.where(drawn == 3, 255, drawn).astype(np.uint8)


OF_CLASSES = {"method": NUMBERED, "view_a": "classes", "view_b": "photo", "view_c": "more"}


def test_class_numbers_are_those_that_were_stored(numbered: Path):
    for batch in take(4, numbered, **OF_CLASSES):
        assert list(batch.classes) == ["a", "c"]
        for row, (key, position) in enumerate(zip(batch.keys, batch.index.tolist(), strict=True)):
            drawn = augmentation(11, range(position, position + 1))
            y, x = (int(share[0] * (SIDE - CROP + 1)) for share in (drawn.crop_y, drawn.crop_x))
            for name, view in (("a", 0), ("c", 1)):
                stored = numbers(ordinal_of(key), view)[y : y + CROP, x : x + CROP].astype(np.int64)
                stored = stored[:, ::-1] if drawn.flip[0] else stored
                found = batch.classes[name][row]
                assert found.dtype == torch.int64
                np.testing.assert_array_equal(found, np.where(stored == 255, NO_CLASS, stored))


@pytest.mark.parametrize("changes", [{"load_size": 29}, {"load_size": 29, "rotate": True}])
def test_resized_and_turned_they_agree_with_the_colours_that_are_shown(numbered: Path, changes: dict):
    """No pixel is between two classes: each is of a class or, as in the file, of none."""
    (batch,) = take(1, numbered, batch_size=8, **OF_CLASSES, **changes)
    found = batch.classes["a"]
    is_class = found >= 0
    assert 0.6 < is_class.float().mean() < 0.9  # three quarters of the stored pixels
    painted = paint_classes(found.clamp_min(0), class_colors(CLASSES))
    torch.testing.assert_close(painted.movedim(1, -1)[is_class], batch.a.movedim(1, -1)[is_class])

"""Confusion matrices as pictures."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from trainer.evaluation.confusion_pictures import MOST_CLASSES, draw_confusions
from trainer.evaluation.metrics.segmentation import Confusion

DARKEST, ABSENT = (8, 48, 107), (217, 217, 217)


def confusion(*counts: list[int], names: list[str]) -> Confusion:
    found = Confusion(names)
    found.totals = torch.tensor(counts, dtype=torch.float64)
    return found


def middle(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Row and column of the middle of all that has a colour."""
    places = np.argwhere((picture == color).all(axis=2))
    assert len(places) > 1000
    return places.mean(axis=0)


def test_rows_are_the_truth_and_absent_classes_are_grey(tmp_path: Path):
    wrong = confusion([0, 7], [0, 0], names=["$a_", "b"])
    path = draw_confusions([wrong], beside=tmp_path / "evaluation.png", about="test")["classes"]
    assert path == tmp_path / "evaluation-classes.png"
    picture = np.asarray(Image.open(path).convert("RGB"))
    dark, grey = middle(picture, DARKEST), middle(picture, ABSENT)
    assert dark[0] < grey[0]  # the first row, given as the second class
    assert dark[1] > grey[1]


def test_shares_are_of_the_truth():
    found = confusion([3, 1], [0, 0], names=["a", "b"]).shares()
    assert found[0].tolist() == [0.75, 0.25]
    assert found[1].isnan().all()


def test_there_is_none_without_pixels_or_of_too_many_classes(tmp_path: Path):
    empty = confusion([0, 0], [0, 0], names=["a", "b"])
    many = Confusion([str(number) for number in range(MOST_CLASSES + 1)])
    many.totals += 1
    assert draw_confusions([empty, many, Confusion([])], beside=tmp_path / "e.png", about="") == {}
    assert not list(tmp_path.iterdir())

"""Intervals of scores that are of all pixels together, of masks, and of groups."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from sharding.format.manifest import ClassInfo
from trainer.data.batch import Batch
from trainer.evaluation.bootstrap import mean_interval
from trainer.evaluation.group_tables import group_tables
from trainer.evaluation.judges.group_judge import take_groups
from trainer.evaluation.judges.mask_judge import MaskedScores
from trainer.evaluation.metrics import segmentation
from trainer.evaluation.metrics.base import ScoredView
from trainer.evaluation.metrics.psnr import psnr
from trainer.evaluation.metrics.segmentation import Confusion
from trainer.ranks.world import lone_world

WORLD = lone_world(torch.device("cpu"))
NUM, PIXELS = 12, 10


def classes() -> tuple[Tensor, Tensor]:
    """Given and true (12, 1, 10), of two classes; image n has n pixels right, and all true ones are of the first."""
    wrong = torch.arange(PIXELS) >= torch.arange(NUM).clamp(max=PIXELS)[:, None]
    return wrong.long()[:, None], torch.zeros(NUM, 1, PIXELS, dtype=torch.long)


def counted(given: Tensor, true: Tensor, *, at_once: int = NUM) -> Confusion:
    found = Confusion(["sea", "land"], prefix="fcn_")
    for parts in zip(given.split(at_once), true.split(at_once), strict=True):
        found.add(*parts)
    found.merge(WORLD)
    return found


def test_the_interval_of_pixels_is_that_of_images_of_one_size() -> None:
    found = counted(*classes()).intervals()
    expected = mean_interval(torch.arange(NUM).clamp(max=PIXELS) / PIXELS)
    assert expected is not None
    assert found["fcn_pixel_accuracy"] == pytest.approx(expected)
    assert found["fcn_miou"] == found["fcn_iou/sea"] == pytest.approx(expected)
    assert found["fcn_miou_absent_as_zero"] == pytest.approx([end / 2 for end in expected])
    assert "fcn_iou/land" not in found  # no image shows it
    assert counted(*classes(), at_once=5).intervals() == found


def test_of_a_class_that_few_images_show_the_resamples_with_it_count() -> None:
    given, true = classes()
    true[0] = 1
    found = counted(given, true).intervals()
    assert found["fcn_accuracy/land"] == (1, 1)  # image 0 is given as land throughout


def test_there_is_none_of_few_images_or_of_too_many_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    given, true = classes()
    assert not counted(given[:9], true[:9]).intervals()
    monkeypatch.setattr(segmentation, "_MOST_COUNTS", 4 * NUM - 1)
    many = counted(given, true, at_once=5)
    assert not many.intervals()
    assert many.compute()["fcn_pixel_accuracy"] == pytest.approx(65 / 120)


def test_scores_within_a_mask_have_intervals() -> None:
    images = torch.rand(NUM, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mask: Any = SimpleNamespace(of=lambda batch: torch.ones(len(batch.b), 16, 16, dtype=torch.bool))
    view = ScoredView(
        eight_bits=True, classes=[ClassInfo(name="a", color=(0, 0, 0)), ClassInfo(name="b", color=(9, 9, 9))]
    )
    metric = MaskedScores(view, mask)
    metric.update(images, Batch(a=images, b=images * 0.9, index=torch.arange(NUM)))
    metric.merge(WORLD)
    found = metric.intervals()
    expected = mean_interval(psnr(images, images * 0.9))
    assert expected is not None
    assert found["masked_psnr"] == pytest.approx(expected, abs=1e-4)
    assert {"masked_ssim", "masked_pixel_accuracy"} <= found.keys()


def test_a_groups_interval_stands_beside_its_score() -> None:
    scores = {"eval/@1@num_images": 12.0, "eval/@1@psnr": 20.0, "eval/psnr": 21.0}
    intervals = {"eval/@1@psnr": (19.0, 21.5), "eval/psnr": (20.0, 22.0)}
    groups = take_groups(scores, intervals, ["f", "m"])
    assert intervals == {"eval/psnr": (20.0, 22.0)}
    (table,) = group_tables({"sex": groups})
    assert table.rows == [["m", "12", "20.00 dB (19.00 to 21.50)"]]

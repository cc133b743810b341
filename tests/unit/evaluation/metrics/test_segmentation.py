"""Class scores against hand-worked numbers."""

import pytest
import torch

from sharding.format.manifest import ClassInfo
from trainer.evaluation.metrics.segmentation import SegmentationScores, class_accuracies, class_ious, pixel_accuracy
from trainer.pictures.classes import class_colors, nearest_class, paint_classes

SEA = ClassInfo(name="sea", color=(0, 0, 255))
LAND = ClassInfo(name="land", color=(0, 255, 0))
LAKE = ClassInfo(name="lake", color=(0, 255, 255))


def picture(rows, classes):
    """Class indices by row -> (1, 3, H, W) in their colours."""
    return paint_classes(torch.tensor([rows]), class_colors(classes))


def scores(fake_rows, real_rows, classes):
    collected = SegmentationScores(classes)
    collected.update(picture(fake_rows, classes), picture(real_rows, classes))
    return collected.compute()


def test_colours_are_read_back():
    indices = torch.randint(3, (2, 5, 7), generator=torch.Generator().manual_seed(0))
    colors = class_colors([SEA, LAND, LAKE])
    assert torch.equal(nearest_class(paint_classes(indices, colors), colors), indices)


def test_the_nearest_colour_wins():
    # (10, 200, 90) is 10^2 + 55^2 + 90^2 = 11225 from land, and farther from lake: 10^2 + 55^2 + 165^2.
    pixel = torch.tensor([10.0, 200.0, 90.0]).reshape(1, 3, 1, 1) / 127.5 - 1
    assert nearest_class(pixel, class_colors([SEA, LAND, LAKE])).item() == 1


def test_hand_worked_scores():
    # targets 0 0 0 1, fakes 0 0 1 1: n_00 = 2, n_01 = 1, n_11 = 1.
    found = scores([[0, 0, 1, 1]], [[0, 0, 0, 1]], [SEA, LAND])
    assert found == pytest.approx(
        {
            "pixel_accuracy": 3 / 4,
            "accuracy/sea": 2 / 3,
            "accuracy/land": 1,
            "class_accuracy": (2 / 3 + 1) / 2,
            "class_accuracy_absent_as_zero": (2 / 3 + 1) / 2,
            "iou/sea": 2 / 3,  # 2 right, 3 in targets or fakes
            "iou/land": 1 / 2,  # 1 right, 2 in targets or fakes
            "miou": (2 / 3 + 1 / 2) / 2,
            "miou_absent_as_zero": (2 / 3 + 1 / 2) / 2,
        }
    )


def test_an_absent_class_in_both_conventions():
    # The same pixels, and a lake that nobody shows: left out, or 0 among three.
    found = scores([[0, 0, 1, 1]], [[0, 0, 0, 1]], [SEA, LAND, LAKE])
    assert found["class_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["class_accuracy_absent_as_zero"] == pytest.approx((2 / 3 + 1) / 3)
    assert found["miou"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["miou_absent_as_zero"] == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert "iou/lake" not in found
    assert "accuracy/lake" not in found


def test_showing_an_absent_class_counts_against_the_others():
    # targets 0 0 1 1, fakes 0 2 1 1: sea has 1 of 2, land 2 of 2; no target has lake, so it is in no mean.
    found = scores([[0, 2, 1, 1]], [[0, 0, 1, 1]], [SEA, LAND, LAKE])
    assert found["miou"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["miou_absent_as_zero"] == pytest.approx((1 / 2 + 1) / 3)
    assert found["pixel_accuracy"] == pytest.approx(3 / 4)
    assert "iou/lake" not in found


def test_scores_are_of_all_pixels_together():
    # Not the mean of the two images' scores: 1 right of 1 and 0 right of 3 are 1 of 4.
    collected = SegmentationScores([SEA, LAND])
    for fake, real in ([[[0]], [[0]]], [[[0, 0, 0]], [[1, 1, 1]]]):
        collected.update(picture(fake, [SEA, LAND]), picture(real, [SEA, LAND]))
    assert collected.compute()["pixel_accuracy"] == pytest.approx(1 / 4)


def test_rows_are_targets():
    confusion = torch.tensor([[2.0, 2.0], [0.0, 1.0]])  # class 0 of the targets was twice given as class 1
    assert pixel_accuracy(confusion).item() == pytest.approx(3 / 5)
    assert class_accuracies(confusion).tolist() == pytest.approx([1 / 2, 1])
    assert class_ious(confusion).tolist() == pytest.approx([2 / 4, 1 / 3])


def test_counts_are_what_torchmetrics_finds():
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    given, true = torch.randint(3, (2, 6, 8, 8), generator=torch.Generator().manual_seed(0))
    colors = class_colors([SEA, LAND, LAKE])
    collected = SegmentationScores([SEA, LAND, LAKE])
    collected.update(paint_classes(given, colors), paint_classes(true, colors))
    assert torch.equal(collected.confusion.totals, multiclass_confusion_matrix(given, true, num_classes=3).double())


def with_void():
    """A target of 10 x 10 pixels of which 11 are in no class's colour, and a translation right at the others."""
    numbers = torch.arange(100).remainder(3).view(1, 10, 10)
    real = picture(numbers[0].tolist(), [SEA, LAND, LAKE])
    fake = real.clone()
    real.view(3, 100)[:, :11] = -1  # black
    fake.view(3, 100)[:, :11] = 1
    return fake, real


def test_pixels_of_no_class_are_in_no_score():
    collected = SegmentationScores([SEA, LAND, LAKE])
    collected.update(*with_void())
    found = collected.compute()
    assert found["pixel_accuracy"] == found["class_accuracy"] == found["miou"] == found["miou_absent_as_zero"] == 1
    assert collected.confusion.totals.sum() == 89


def test_a_target_of_no_class_at_all_has_no_scores():
    collected = SegmentationScores([SEA, LAND])
    collected.update(picture([[0, 1]], [SEA, LAND]), torch.zeros(1, 3, 1, 2))
    assert collected.compute() == {}


def test_where_colours_are_blurred_each_pixel_counts():
    fake, real = with_void()
    real = (real + 0.1 * torch.randn(real.shape, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)
    collected = SegmentationScores([SEA, LAND, LAKE], exact_colors=False)
    collected.update(fake, real)
    assert collected.confusion.totals.sum() == 100
    assert collected.confusion.totals.trace() >= 89


def test_no_images_have_no_scores():
    assert SegmentationScores([SEA, LAND]).compute() == {}

"""Rows of scores beside baselines."""

import pytest

from trainer.evaluation.comparison import compare


def test_the_margin_is_over_the_better_baseline():
    (row,) = compare({"eval/psnr": 17.5, "baseline/mean/psnr": 13.0, "baseline/identity/psnr": 14.0})
    assert row.margin == pytest.approx(3.5)
    assert row.show(row.margin, signed=True) == "+3.50 dB"
    assert row.show(row.translation) == "17.50 dB"


def test_it_is_negative_where_a_baseline_wins():
    (row,) = compare({"eval/ssim": 0.4, "baseline/mean/ssim": 0.5})
    assert row.show(row.margin, signed=True) == "-0.1000"


def test_a_missing_baseline_is_a_dash():
    (row,) = compare({"eval/ssim": 0.4})
    assert row.margin is None
    assert row.show(row.identity) == "\N{EN DASH}"


def test_order_and_titles():
    rows = compare({"eval/miou": 0.5, "baseline/mean/miou": 0.1, "eval/iou/land": 0.5, "eval/accuracy/sea": 1.0})
    assert [row.title for row in rows] == ["class IoU, mean", "class IoU: land", "class accuracy: sea"]
    assert [row.is_detail for row in rows] == [False, True, True]


def test_labels_that_are_kept_are_named():
    rows = compare({"eval/kept_gender": 0.9, "eval/kept_gender_real": 1.0, "eval/label_accuracy": 0.5})
    assert [row.title for row in rows] == ["gender kept", "gender read of originals", "wanted label read"]


def test_real_images_are_a_ceiling_and_no_rival():
    (row,) = compare({"eval/miou": 0.4, "baseline/mean/miou": 0.1, "baseline/real/miou": 0.6})
    assert row.real == 0.6
    assert row.margin == pytest.approx(0.3)

"""What the report draws, and where."""

import math

import pytest

from trainer.reports.charts import HEIGHT, WIDTH, Chart, Curve, make_charts, smooth, thin_out


def lines(**series):
    """One line for each place of the series: position 1000, 2000 ..."""
    return [
        {"position": 1000 * (place + 1), **dict(zip(series, values, strict=True))}
        for place, values in enumerate(zip(*series.values(), strict=True))
    ]


def titles(metrics):
    return [chart.title for chart in make_charts(metrics)]


def test_losses_of_like_size_share_a_chart():
    (chart,) = make_charts(lines(**{"loss/discriminator/real": [0.5, 0.4], "loss/discriminator/fake": [0.3, 0.2]}))
    assert chart.title == "Loss of the discriminator"
    assert [curve.name for curve in chart.curves] == ["real", "fake"]
    assert chart.curves[0].points == [(1.0, 0.5), (2.0, 0.4)]


def test_losses_of_unlike_size_do_not():
    assert titles(lines(**{"loss/generator/gan": [1.0], "loss/generator/l1": [20.0]})) == [
        "Loss of the generator: gan",
        "Loss of the generator: l1",
    ]


def test_scores_stand_beside_their_baselines():
    metrics = lines(**{"eval/psnr": [15.0], "baseline/mean/psnr": [13.0], "baseline/identity/psnr": [11.0]})
    (chart,) = make_charts(metrics)
    assert [(curve.name, color) for curve, color in chart.colored()] == [
        ("translation", "--c0"),
        ("mean image", "--b0"),
        ("identity", "--b1"),
    ]


def test_scores_of_single_classes_are_not_drawn():
    assert titles(lines(**{"eval/iou/land": [0.5], "baseline/mean/iou/land": [0.4]})) == []


def test_values_may_be_missing_infinite_or_text():
    metrics = [
        {"position": 1000, "lr": 0.1, "note": "warm"},
        {"position": 2000, "lr": math.nan},
        {"position": 3000},
        {"position": 4000, "lr": 0.3},
    ]
    (chart,) = make_charts(metrics)
    assert chart.curves[0].points == [(1.0, 0.1), (4.0, 0.3)]


def test_no_lines_no_charts():
    assert make_charts([]) == []


def test_points_lie_on_the_drawing():
    chart = Chart(title="", curves=[Curve(name="", points=[(0.0, 0.0), (2.0, 10.0), (4.0, 5.0)])])
    assert chart.y_ticks[0] == 0
    assert chart.y_ticks[-1] == 10
    assert chart.path(chart.curves[0].points) == f"M0.0,{HEIGHT:.1f}L{WIDTH / 2:.1f},0.0L{WIDTH:.1f},{HEIGHT / 2:.1f}"


@pytest.mark.parametrize("values", [[5.0], [0.0], [3.0, 3.0], [-1.0, 1.0], [1e-9, 2e-9], [1e12]])
def test_axes_enclose_any_values(values):
    chart = Chart(title="", curves=[Curve(name="", points=[(float(x), y) for x, y in enumerate(values)])])
    assert chart.y_ticks[0] <= min(values)
    assert max(values) <= chart.y_ticks[-1]
    assert chart.y_ticks[0] < chart.y_ticks[-1]
    assert len(chart.x_ticks) > 0
    assert "nan" not in chart.path(chart.curves[0].points)


def test_a_single_point_is_a_dot():
    chart = Chart(title="", curves=[Curve(name="", points=[(1.0, 1.0)])])
    first, second = chart.path(chart.curves[0].points).removeprefix("M").split("L")
    assert first == second


def test_many_points_are_thinned_to_means():
    # 1000 points in groups of three: 334 points, the first of (0 + 1 + 2) / 3.
    thinned = thin_out([(float(x), 2.0 * x) for x in range(1000)])
    assert len(thinned) == 334
    assert thinned[0] == (1.0, 2.0)
    assert thinned[-1] == (999.0, 1998.0)


def test_smoothing_has_no_bias_at_the_start():
    # (0.9 x 10 + 20) / (0.9 + 1) = 29 / 1.9
    first, second = smooth([(0.0, 10.0), (1.0, 20.0)])
    assert first == pytest.approx((0.0, 10.0))
    assert second == pytest.approx((1.0, 29 / 1.9))
    assert smooth([(float(x), 7.0) for x in range(50)])[-1][1] == pytest.approx(7.0)


def test_only_noisy_curves_are_smoothed():
    points = [(float(x), float(x % 2)) for x in range(100)]
    assert Curve(name="", points=points).smoothed is points
    assert Curve(name="", points=points, is_noisy=True).smoothed == smooth(points)
    assert Curve(name="", points=points[:10], is_noisy=True).smoothed == points[:10]

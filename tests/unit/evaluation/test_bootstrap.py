"""Intervals of the bootstrap: of means beside theory, in any order of images, and of kernel distances."""

import json

import pytest
import torch
from torch import Tensor

from tests.scores import cheap_encoder
from tests.tiny_run import POSITION
from trainer.evaluation.bootstrap import FEWEST, kernel_interval, mean_interval
from trainer.evaluation.comparison import compare
from trainer.evaluation.evaluate import write_evaluation
from trainer.evaluation.metrics.base import ImageMean
from trainer.evaluation.metrics.features import FeatureSets
from trainer.evaluation.set_distances import kernel_distances
from trainer.ranks.world import lone_world
from trainer.reports.page import render_report
from trainer.runs.rundir import RunDir

WORLD = lone_world(torch.device("cpu"))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_of_a_mean_it_is_nearly_two_standard_errors_to_each_side() -> None:
    values = drawn(400) * 3 + 20
    ends = mean_interval(values)
    mean, error = values.mean().item(), values.std().item() / 20
    assert ends == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.15 * error)


def test_it_is_the_same_in_any_order_and_leaves_the_random_state_alone() -> None:
    values, state = drawn(33), torch.random.get_rng_state()
    assert mean_interval(values) == mean_interval(values.flip(0)) == mean_interval(values)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_of_few_images_there_is_none() -> None:
    assert mean_interval(torch.ones(FEWEST - 1)) is None
    assert mean_interval(torch.ones(FEWEST)) == (1, 1)
    assert kernel_interval(drawn(FEWEST - 1, 4), drawn(50, 4)) is None


def test_of_a_kernel_distance_it_is_as_wide_as_other_images_would_have_it_spread() -> None:
    """The distances of 40 pairs of fresh sets spread as the interval of one pair says."""

    def sets(seed: int) -> tuple[Tensor, Tensor]:
        return drawn(60, 8, seed=seed) + 0.5, drawn(60, 8, seed=seed + 1000)

    ends = kernel_interval(*sets(0))
    assert ends is not None
    others = torch.stack([kernel_distances(*sets(seed), size=60, subsets=1)[0] for seed in range(40)])
    assert ends[0] < others[0] < ends[1]
    assert (ends[1] - ends[0]) / (2 * 1.96) == pytest.approx(others.std().item(), rel=0.4)


def test_images_and_sets_have_theirs() -> None:
    images, others = torch.rand(60, 3, 8, 8) * 2 - 1, torch.rand(60, 3, 8, 8) * 2 - 1
    error = ImageMean("error", lambda fakes, reals: (fakes - reals).abs().mean(dim=(1, 2, 3)))
    sets = FeatureSets(cheap_encoder())
    error.update(images, others)
    sets.update_fakes(images)
    sets.update_reals(others)
    for metric in (error, sets):
        metric.merge(WORLD)
        scores, ends = metric.compute(), metric.intervals()
        assert {name.partition("/")[0] for name in scores.keys() - ends.keys()} <= {"fd", "kid_spread"}
        assert all(low <= scores[name] <= high for name, (low, high) in ends.items())
        assert any(low < high for low, high in ends.values())


def test_they_are_written_beside_scores_and_shown(tiny_run: RunDir) -> None:
    scores = {"eval/psnr": 17.0, "baseline/mean/psnr": 13.0, "eval/ssim": 0.5}
    told = {"split": "val", "position": POSITION, "num_images": 40}
    write_evaluation(tiny_run, scores=scores, intervals={"eval/psnr": (16.5, 17.25)}, **told)
    write_evaluation(tiny_run, scores={"eval/ssim": 0.5}, intervals={"eval/ssim": (0.4, 0.61)}, **told)
    entry = json.loads(tiny_run.evaluation_file.read_text())["splits"]["val"]
    of = {"eval/psnr": [16.5, 17.25], "eval/ssim": [0.4, 0.61]}
    assert entry["intervals"] == {"resamples": 1000, "level": 0.95, "of": of}
    psnr, ssim = compare(tiny_run.evaluations()["val"]["scores"], of)
    assert (psnr.show_interval(), ssim.show_interval()) == ("16.50 to 17.25", "0.4000 to 0.6100")
    assert "16.50 to 17.25" in render_report(tiny_run)

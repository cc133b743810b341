"""Distances of sets of features, held against arithmetic by hand and against torchmetrics."""

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from trainer.evaluation.set_distances import (
    counts_within,
    frechet_distance,
    kernel_distances,
    nearest,
    radii,
    subset_size,
)

D = 6


def features(num: int, *, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(num, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


class AsTheyAre(nn.Module):
    """Takes features for images."""

    num_features = D

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


@pytest.mark.parametrize("nums", [(40, 30), (5, 4), (5, 40)])  # more images than features, fewer, and both
def test_the_frechet_distance_is_that_of_torchmetrics(nums: tuple[int, int]):
    fakes, reals = features(nums[0], seed=0, shift=0.5), features(nums[1], seed=1)
    other = FrechetInceptionDistance(feature=AsTheyAre(), input_img_size=(D, 1, 1)).set_dtype(torch.float64)
    other.update(reals, real=True)
    other.update(fakes, real=False)
    assert frechet_distance(fakes, reals) == pytest.approx(other.compute().item(), rel=1e-4)


def test_the_frechet_distance_of_two_intervals():
    """Of one dimension: (m1 - m2)² + (s1 - s2)²."""
    one, other = (torch.tensor(values, dtype=torch.float64)[:, None] for values in ([0.0, 2.0], [5.0, 5.0, 8.0]))
    assert frechet_distance(one, other) == pytest.approx(5**2 + (2**0.5 - 3**0.5) ** 2)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-12)


def test_the_kernel_distance_is_that_of_torchmetrics():
    """Of subsets that are the whole sets; torchmetrics draws others."""
    fakes, reals = features(20, seed=0, shift=0.5), features(20, seed=1)
    other = KernelInceptionDistance(feature=AsTheyAre(), subsets=1, subset_size=20).set_dtype(torch.float64)
    other.update(reals, real=True)
    other.update(fakes, real=False)
    [ours] = kernel_distances(fakes, reals, size=20, subsets=1).tolist()
    assert ours == pytest.approx(other.compute()[0].item(), rel=1e-4)


def test_the_kernel_distance_is_unbiased():
    """Two halves of one set are as often nearer as farther than nothing."""
    halves = [features(60, seed=seed).split(30) for seed in range(200)]
    found = torch.stack([kernel_distances(one, other, size=30, subsets=1)[0] for one, other in halves])
    assert abs(found.mean()) < 3 * found.std() / len(found) ** 0.5
    assert (found < 0).any()


def test_subsets_are_at_most_half_of_the_smaller_set():
    assert [subset_size(*nums) for nums in ((60, 51), (5000, 5000))] == [25, 1000]
    fakes, reals = features(30, seed=0), features(30, seed=1)
    found = kernel_distances(fakes, reals, size=15)
    assert len(found) == 100
    assert found.std() > 0
    assert torch.equal(found, kernel_distances(fakes, reals, size=15))


def test_neighbourhoods_by_hand():
    reals = torch.tensor([[0.0], [1.0], [3.0], [10.0]], dtype=torch.float64)
    fakes = torch.tensor([[0.5], [4.5], [30.0]], dtype=torch.float64)
    radius = radii(reals, neighbours=1)
    assert radius.tolist() == [1, 1, 2, 7]
    assert counts_within(fakes, reals, radius).tolist() == [2, 2, 0]  # precision 2/3; density 4/3
    assert nearest(reals, fakes).tolist() == [0.5, 0.5, 1.5, 5.5]  # coverage 1


def test_many_images_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch):
    points, middles = features(50, seed=0), features(40, seed=1)
    whole = [radii(middles, neighbours=3), counts_within(points, middles, radii(middles, neighbours=3))]
    monkeypatch.setattr("trainer.evaluation.set_distances._ROWS", 7)
    assert torch.equal(radii(middles, neighbours=3), whole[0])
    assert torch.equal(counts_within(points, middles, whole[0]), whole[1])

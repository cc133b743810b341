"""Distances of sets of features, held against arithmetic by hand and against torchmetrics."""

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from trainer.evaluation.set_distances import frechet_distance, kernel_distances, neighbourhoods, radii, subset_size

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
    reals = torch.tensor([0.0, 1.0, 3.0, 10.0, 11.0, 13.0, 100.0], dtype=torch.float64)[:, None]
    assert radii(reals, neighbours=3)[:3].tolist() == [[1, 3, 10], [1, 2, 9], [2, 3, 7]]
    # the balls reach to the third nearest: 10, 9, 7, 7, 8, 10, 89; and to the fifth: 13, 12, 10, 10, 11, 13, 97
    fakes = torch.tensor([-9.5, 5.5, 205.0, 206.0, 207.0, 208.0], dtype=torch.float64)[:, None]
    found = neighbourhoods(fakes, reals)
    assert found.precise.tolist() == [1, 1, 0, 0, 0, 0]
    assert found.dense.tolist() == [2 / 5, 7 / 5, 0, 0, 0, 0]
    assert found.covered.tolist() == [1, 1, 1, 1, 1, 1, 1]
    assert found.recalled.tolist() == [1, 1, 1, 1, 1, 1, 1]  # the ball of 5.5 reaches to 206


def test_a_set_is_in_its_own_neighbourhoods_and_a_far_one_is_not():
    near, far = features(30, seed=0), features(30, seed=1, shift=100.0)
    own, other = neighbourhoods(near, near), neighbourhoods(far, near)
    for name in ("precise", "recalled", "covered"):
        assert getattr(own, name).mean() == 1
        assert getattr(other, name).mean() == 0
    assert own.dense.mean() == pytest.approx(1 + 1 / 5)  # five others, and itself
    assert other.dense.mean() == 0


def test_many_images_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch):
    fakes, reals = features(50, seed=0, shift=0.5), features(40, seed=1)
    whole = neighbourhoods(fakes, reals)
    monkeypatch.setattr("trainer.evaluation.set_distances._ROWS", 7)
    parts = neighbourhoods(fakes, reals)
    for name in ("precise", "recalled", "dense", "covered"):
        assert torch.equal(getattr(parts, name), getattr(whole, name))
    assert 0 < whole.recalled.mean() < 1

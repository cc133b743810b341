"""The noise of a batch."""

import math

import pytest
import torch

from trainer.data.batch import Batch


def batch(*positions: int, seed: int = 0) -> Batch:
    images = torch.zeros(len(positions), 1, 2, 2)
    return Batch(a=images, b=images, index=torch.tensor(positions), seed=seed)


def test_it_follows_the_sample_not_the_batch():
    """Two ranks with half of the batch each draw what one draws for the whole."""
    whole, first, second = batch(4, 5, 6, 7), batch(4, 5), batch(6, 7)
    for draw in (Batch.normal, Batch.uniform):
        assert torch.equal(draw(whole, "z", 3), torch.cat([draw(first, "z", 3), draw(second, "z", 3)]))


def test_it_differs_between_samples_streams_and_seeds():
    draws = [
        *batch(4, 5).normal("z", 8),
        *batch(4).normal("epsilon", 8),
        *batch(4, seed=1).normal("z", 8),
    ]
    assert len({tuple(draw.tolist()) for draw in draws}) == 4


def test_it_leaves_torchs_own_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    batch(4).normal("z", 8)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)])
def test_shapes(shape: tuple[int, ...]):
    for draw in (Batch.normal, Batch.uniform):
        noise = draw(batch(1, 2), "z", *shape)
        assert noise.shape == (2, *shape)
        assert noise.dtype == torch.float32


def test_distributions():
    """Of 50 samples of 200 numbers: means and variances within four standard errors."""
    some = batch(*range(50))
    normal, uniform = some.normal("z", 200), some.uniform("z", 200)
    assert normal.mean().item() == pytest.approx(0, abs=4 / math.sqrt(1e4))
    assert normal.var().item() == pytest.approx(1, abs=4 * math.sqrt(2 / 1e4))
    assert uniform.mean().item() == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / 1e4))
    assert uniform.var().item() == pytest.approx(1 / 12, abs=0.003)
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1


def test_the_position_is_that_of_the_first_sample():
    assert batch(40, 41).position == 40

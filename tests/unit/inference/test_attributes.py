"""Attribute vectors worked out by hand, and in pictures."""

import pytest
import torch

from sharding.errors import DatasetError
from tests.unit.labelled import Coder, without_networks
from trainer.data.batch import Batch
from trainer.inference.attributes import AttributeVectors


def batch(codes: list[list[float]], labels: list[int]) -> Batch:
    images = torch.tensor(codes, dtype=torch.float32)
    return Batch(a=-images, b=images, label=torch.tensor(labels), index=torch.arange(len(labels)))


def test_a_vector_is_the_mean_with_the_value_less_the_mean_without():
    # Codes of value 0: (1, 0), (3, 2); of value 1: (0, 8); of value 3: (6, 4). Value 2 is not seen.
    batches = [batch([[1, 0], [0, 8]], [0, 1]), batch([[6, 4], [3, 2]], [3, 0])]
    attributes = AttributeVectors(without_networks(Coder()), lambda: batches)
    vectors = {value: vector.tolist() for value, vector in attributes.vectors.items()}
    # 0: (2, 1) - (3, 6); 1: (0, 8) - (10/3, 2); 3: (6, 4) - (4/3, 10/3)
    assert vectors == {
        0: pytest.approx([-1, -5]),
        1: pytest.approx([-10 / 3, 6]),
        3: pytest.approx([14 / 3, 2 / 3]),
    }
    added = attributes.add(torch.tensor([[1.0, 1.0], [5.0, 5.0]]), torch.tensor([0, 2]))
    assert added.tolist() == [[0, -4], [5, 5]]


def test_one_value_makes_no_direction():
    with pytest.raises(DatasetError, match=r"the 2 training images that .* all have one value"):
        AttributeVectors(without_networks(Coder()), lambda: [batch([[1, 0], [0, 8]], [1, 1])])

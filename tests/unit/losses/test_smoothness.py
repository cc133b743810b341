"""Total variation of an image small enough to work out."""

import pytest
import torch

from trainer.losses.smoothness import total_variation


def test_total_variation_is_the_mean_step_down_and_across():
    image = torch.tensor([[0.0, 1.0, 1.0], [0.5, -1.0, 1.0]]).reshape(1, 1, 2, 3)
    # Down: 0.5, 2, 0. Across: 1, 0, 1.5, 2.
    assert total_variation(image).item() == pytest.approx(2.5 / 3 + 4.5 / 4)


def test_a_flat_image_has_none():
    assert total_variation(torch.full((2, 3, 4, 4), 0.3)).item() == 0

"""Total variation of an image small enough to work out."""

import pytest
import torch
from torch.nn.functional import mse_loss

from trainer.losses.smoothness import total_variation
from trainer.methods.caae.config import CAAEConfig


def test_total_variation_is_the_mean_squared_step_down_and_across():
    image = torch.tensor([[0.0, 1.0, 1.0], [0.5, -1.0, 1.0]]).reshape(1, 1, 2, 3)
    # Down: 0.5, 2, 0. Across: 1, 0, 1.5, 2.
    assert total_variation(image).item() == pytest.approx(4.25 / 3 + 7.25 / 4)


def test_caaes_weights_are_in_the_proportion_of_the_authors():
    """They weigh sums: 100 halved squared errors, and 10 halved squared steps over the side, of 128 pixels."""
    torch.manual_seed(0)
    image, output = torch.randn(2, 2, 3, 128, 128)
    error = (image - output).square().sum() / 2
    steps = [output[..., 1:, :] - output[..., :-1, :], output[..., 1:] - output[..., :-1]]
    variation = sum(step.square().sum() / 2 / 128 for step in steps)
    ours = CAAEConfig()
    found = (
        ours.weight_total_variation * total_variation(output) / (ours.weight_reconstruction * mse_loss(output, image))
    )
    assert found.item() == pytest.approx((10 * variation / (100 * error)).item(), rel=0.05)


def test_a_flat_image_has_none():
    assert total_variation(torch.full((2, 3, 4, 4), 0.3)).item() == 0

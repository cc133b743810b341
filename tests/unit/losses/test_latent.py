"""Gaussian codes against arithmetic by hand."""

from math import e, log

import pytest
import torch

from trainer.losses.latent import kl_divergence, sample_gaussian


def test_kl_sums_over_dimensions_and_averages_over_codes():
    mean = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    log_variance = torch.tensor([[0.0, 1.0], [log(4), 0.0]])
    # m = 1: 1/2. s^2 = e: (e - 2)/2. s^2 = 4: (4 - 1 - log 4)/2. m = 2: 2.
    expected = (0.5 + (e - 2) / 2 + (3 - log(4)) / 2 + 2) / 2
    assert kl_divergence(mean, log_variance).item() == pytest.approx(expected)


def test_kl_of_the_prior_from_itself_is_0():
    assert kl_divergence(torch.zeros(3, 4), torch.zeros(3, 4)).item() == 0


def test_a_sample_is_the_mean_plus_the_deviation_times_noise():
    mean, log_variance = torch.tensor([[1.0, -1.0]]), torch.tensor([[log(4), log(9)]])
    # s = 2 and 3.
    assert sample_gaussian(mean, log_variance, torch.tensor([[0.5, -2.0]])).tolist() == [pytest.approx([2, -7])]

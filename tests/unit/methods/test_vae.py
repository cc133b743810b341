"""The VAE's bound worked by hand."""

from math import exp, log

import pytest
import torch
from torch import Tensor

from tests.unit.methods.latent_parts import (
    DECODER,
    ENCODER,
    TASK,
    networks_with_gradients,
    real_networks,
    single_batch,
    stubs,
)
from trainer.config.errors import ConfigError
from trainer.config.section import check_section
from trainer.methods.base import Encodes, Samples, Translates
from trainer.methods.vae.config import VAEConfig
from trainer.methods.vae.method import VAE

IMAGES = torch.tensor([[1.0, -1.0], [0.0, 0.0]]).view(2, 1, 1, 2)


def small(**settings: object) -> VAE:
    return VAE(VAEConfig(encoder=ENCODER, decoder=DECODER, code_size=2, **settings), TASK)  # type: ignore[arg-type]


def encoder(image: Tensor) -> Tensor:
    """The mean is (1, 0), the log variance (0, log 4), whatever the image."""
    return torch.tensor([1.0, 0.0, 0.0, log(4)]).expand(len(image), 4)


def half(code: Tensor) -> Tensor:
    """The decoder: 0.5 in every pixel, whatever the code."""
    return torch.full((len(code), 1, 1, 2), 0.5)


def terms(method: VAE, decoder=half) -> dict[str, float]:
    networks, batch = stubs(encoder=encoder, decoder=decoder), single_batch(IMAGES)
    losses = method.losses("autoencoder", networks, batch, method.forward(networks, batch))
    return {name: loss.item() for name, loss in losses.items()}


def test_kl_is_appendix_b_times_beta():
    # -1/2 (1 + 0 - 1 - 1) = 1/2 and -1/2 (1 + log 4 - 0 - 4) = 3/2 - log 2.
    assert terms(small())["kl"] == pytest.approx(0.5 + 1.5 - log(2))
    assert terms(small(beta=4))["kl"] == pytest.approx(4 * (2 - log(2)))
    assert "kl" not in terms(small(beta=0))


def test_gaussian_likelihood_sums_pixels_and_averages_images():
    # Image 1: (0.5^2 + 1.5^2) / 2 = 1.25. Image 2: (0.5^2 + 0.5^2) / 2 = 0.25. Mean 0.75.
    assert terms(small())["likelihood"] == pytest.approx(0.75)


def test_bernoulli_likelihood_is_the_cross_entropy_with_grey_values():
    # Decoder value 0.5: y = (tanh(0.5) + 1) / 2 = sigmoid(1). Image 1 is white and black: -log y - log(1 - y);
    # image 2 is grey twice: -2 (0.5 log y + 0.5 log(1 - y)), the same.
    y = 1 / (1 + exp(-1))
    assert terms(small(likelihood="bernoulli"))["likelihood"] == pytest.approx(-log(y) - log(1 - y))


def test_bernoulli_pixels_shown_are_the_mean():
    method = small(likelihood="bernoulli")
    image = method.decode(stubs(decoder=half), torch.zeros(1, 2))
    torch.testing.assert_close(image, torch.full((1, 1, 1, 2), 0.5).tanh())
    method.players["autoencoder"].networks.eval()
    assert real_networks(method)["decoder"](torch.full((2, 2), 1e6)).abs().max() > 1  # no tanh of its own


def test_the_code_is_mean_plus_deviation_times_the_batchs_noise():
    """z = (1 + epsilon_1, 0 + 2 epsilon_2): the noise is a function of seed and position."""
    seen = []
    method, batch = small(), single_batch(IMAGES)
    method.forward(stubs(encoder=encoder, decoder=lambda code: seen.append(code) or half(code)), batch)
    noise = batch.normal("epsilon", 2)
    torch.testing.assert_close(seen[0], torch.tensor([1.0, 0.0]) + torch.tensor([1.0, 2.0]) * noise)


def test_reconstruction_uses_the_mean_and_no_noise():
    networks = stubs(encoder=encoder, decoder=lambda code: code)
    assert torch.equal(small().translate(networks, IMAGES), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))


def test_samples_come_from_the_default_generator():
    method = small()
    networks = stubs(decoder=lambda code: code)
    torch.manual_seed(1)
    drawn = method.sample(networks, 3, None)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.randn(3, 2))


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_networks_fit_each_other(likelihood):
    method = small(likelihood=likelihood)
    assert isinstance(method, Translates)
    assert isinstance(method, Encodes)
    assert isinstance(method, Samples)
    image = torch.rand(2, 1, 16, 16) * 2 - 1
    columns = method.columns(real_networks(method), single_batch(image))
    assert list(columns) == ["input", "reconstruction", "sample 1", "sample 2", "sample 3"]
    assert all(column.shape == image.shape and column.abs().max() <= 1 for column in columns.values())
    assert networks_with_gradients(method, player="autoencoder", batch=single_batch(image)) == {"encoder", "decoder"}


def test_a_negative_beta_is_refused():
    with pytest.raises(ConfigError, match=r"method\.beta = -1: use 0"):
        check_section(VAEConfig(beta=-1), "method")

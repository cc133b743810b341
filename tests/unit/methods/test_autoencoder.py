"""The auto-encoder's objective worked by hand, and what it makes of images."""

import pytest
import torch

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
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.autoencoder.method import Autoencoder
from trainer.methods.base import Encodes, Samples, Translates


def small(**settings: object) -> Autoencoder:
    config = AutoencoderConfig(encoder=ENCODER, decoder=DECODER, code_size=5, **settings)  # type: ignore[arg-type]
    return Autoencoder(config, TASK)


@pytest.mark.parametrize(("distance", "expected"), [("l1", 0.25), ("l2", 0.125)])
def test_the_distance_is_the_mean_over_pixels(distance, expected: float):
    """Enc halves and Dec returns what it is given, so that pixels 1, 1, 0, 0 are missed by 0.5, 0.5, 0, 0."""
    image = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2)
    networks = stubs(encoder=lambda x: x / 2, decoder=lambda code: code)
    method, batch = small(distance=distance), single_batch(image)
    losses = method.losses("autoencoder", networks, batch, method.forward(networks, batch))
    assert {name: loss.item() for name, loss in losses.items()} == {distance: pytest.approx(expected)}


def test_it_reconstructs_and_encodes_and_does_not_sample():
    method = small()
    assert isinstance(method, Translates)
    assert isinstance(method, Encodes)
    assert not isinstance(method, Samples)
    networks, image = real_networks(method), torch.rand(2, 1, 16, 16) * 2 - 1
    assert method.encode(networks, image).shape == (2, 5)
    assert method.translate(networks, image).shape == image.shape
    columns = method.columns(networks, single_batch(image))
    assert list(columns) == ["input", "reconstruction"]
    assert torch.equal(columns["input"], image)


def test_both_networks_learn():
    batch = single_batch(torch.rand(2, 1, 16, 16))
    assert networks_with_gradients(small(), player="autoencoder", batch=batch) == {"encoder", "decoder"}


def test_a_code_without_dimensions_is_refused():
    with pytest.raises(ConfigError, match=r"method\.code_size = 0: use 1"):
        check_section(AutoencoderConfig(code_size=0), "method")

"""VAE/GAN's three objectives worked by hand, and which network each of them moves."""

from math import exp, log

import pytest
import torch
from torch import Tensor

from tests.unit.methods.latent_parts import (
    DECODER,
    DISCRIMINATOR,
    ENCODER,
    SMOOTH,
    TASK,
    networks_with_gradients,
    real_networks,
    single_batch,
    stubs,
)
from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.section import check_section
from trainer.methods.base import Encodes, Samples, Translates
from trainer.methods.vaegan.config import VAEGANConfig
from trainer.methods.vaegan.method import VAEGAN
from trainer.runs.config import RunConfig

IMAGES = torch.tensor([[1.0, 3.0], [0.0, 2.0]]).view(2, 1, 1, 2)
BATCH = single_batch(IMAGES)


def small(**settings: object) -> VAEGAN:
    settings = {
        "encoder": ENCODER,
        "decoder": DECODER,
        "discriminator": DISCRIMINATOR,
        "code_size": 2,
        "layer": 2,
    } | settings
    return VAEGAN(VAEGANConfig(**settings), TASK)  # type: ignore[arg-type]


def encoder(image: Tensor) -> Tensor:
    """Mean 100, variance e^-60: codes are 100 but for noise too small for float32."""
    return torch.tensor([100.0, 100.0, -60.0, -60.0]).expand(len(image), 4)


def decoder(code: Tensor) -> Tensor:
    """Dec(z) = 1 for the encoder's codes, Dec(z_p) = -1 for those from N(0, I), in both pixels."""
    return torch.where(code[:, :1] > 50, 1.0, -1.0).view(-1, 1, 1, 1).expand(-1, 1, 1, 2)


def discriminator(image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The logit is the first pixel. Features of level 1 are the image, of level 2 ten times the image."""
    return image[:, 0, 0, 0], (image, 10 * image)


NETWORKS = stubs(encoder=encoder, decoder=decoder, discriminator=discriminator)


def terms(method: VAEGAN, player: str) -> dict[str, float]:
    losses = method.losses(player, NETWORKS, BATCH, method.forward(NETWORKS, BATCH))
    return {name: loss.item() for name, loss in losses.items()}


# |x - Dec(z)|^2 / 2 is (0 + 4) / 2 and (1 + 1) / 2 for the two images, 1.5 on average; in level 2 a hundred times that.
LIKE = {1: 1.5, 2: 150.0}


@pytest.mark.parametrize("layer", [1, 2])
def test_encoders_terms(layer: int):
    # KL: two dimensions of -1/2 (1 - 60 - 10000 - e^-60).
    expected = {"prior": 10059.0, "like": LIKE[layer]}
    assert terms(small(layer=layer), "encoder") == pytest.approx(expected)


def test_decoders_terms():
    # minimax: log(1 - sigmoid(1)) of Dec(z), log(1 - sigmoid(-1)) of Dec(z_p). gamma L_like is 0.01 * 150.
    expected = {"gan_reconstruction": -log(1 + exp(1)), "gan_sample": -log(1 + exp(-1)), "like": 1.5}
    assert terms(small(gamma=0.01), "decoder") == pytest.approx(expected)
    assert "like" not in terms(small(gamma=0), "decoder")


def test_discriminators_terms():
    # Logits 1 and 0 of x, 1 of Dec(z), -1 of Dec(z_p).
    expected = {
        "real": (log(1 + exp(-1)) + log(2)) / 2,
        "fake_reconstruction": log(1 + exp(1)),
        "fake_sample": log(1 + exp(-1)),
    }
    assert terms(small(), "discriminator") == pytest.approx(expected)


def test_penalties_join_the_discriminators_terms():
    torch.manual_seed(0)
    adversarial = AdversarialConfig(objective="wasserstein", weight_gradient_penalty=10, weight_r1=1)
    method, batch = small(adversarial=adversarial, discriminator=SMOOTH), single_batch(torch.randn(2, 1, 16, 16))
    networks = real_networks(method)
    losses = method.losses("discriminator", networks, batch, method.forward(networks, batch))
    assert list(losses) == ["real", "fake_reconstruction", "fake_sample", "gradient_penalty", "r1"]


def test_each_loss_moves_only_what_algorithm_1_lets_it():
    """The encoder's loss runs through the other two, the decoder's not back into the encoder, Dis' into neither."""
    torch.manual_seed(0)
    batch = single_batch(torch.randn(2, 1, 16, 16))
    assert "encoder" in networks_with_gradients(small(), player="encoder", batch=batch)
    assert networks_with_gradients(small(), player="decoder", batch=batch) == {"decoder", "discriminator"}
    assert networks_with_gradients(small(), player="discriminator", batch=batch) == {"discriminator"}


def test_players_step_in_the_papers_order_and_wait_for_the_critic_together():
    players = small(adversarial=AdversarialConfig(num_discriminator_steps=3)).players
    assert {name: player.period for name, player in players.items()} == {"encoder": 3, "decoder": 3, "discriminator": 1}
    assert list(players) == ["encoder", "decoder", "discriminator"]
    assert [name for name, player in players.items() if player.is_discriminator] == ["discriminator"]


def test_it_reconstructs_samples_and_encodes():
    method = small()
    assert isinstance(method, Translates)
    assert isinstance(method, Samples)
    assert isinstance(method, Encodes)
    networks, image = real_networks(method), torch.randn(2, 1, 16, 16)
    assert torch.equal(method.encode(stubs(encoder=encoder), IMAGES), torch.full((2, 2), 100.0))
    columns = method.columns(networks, single_batch(image))
    assert list(columns) == ["input", "reconstruction", "sample 1", "sample 2", "sample 3"]
    assert all(column.shape == image.shape for column in columns.values())


def test_a_layer_that_the_discriminator_lacks_is_refused():
    """Four levels halve 64 pixels down to 4."""
    data = DataConfig(crop_size=64, load_size=64)
    RunConfig(method=VAEGANConfig(layer=4), data=data)
    with pytest.raises(ConfigError, match=r"method\.layer = 5: .* has 4 levels; use 1 to 4"):
        RunConfig(method=VAEGANConfig(layer=5), data=data)


def test_sections_errors_name_their_place():
    with pytest.raises(ConfigError, match=r"method\.decoder\.num_filters = 0: use 1"):
        check_section(VAEGANConfig(decoder=type(DECODER)(num_filters=0)), "method")

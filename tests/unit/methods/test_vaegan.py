"""VAE/GAN's three objectives worked by hand, and which network each of them moves."""

from math import exp, log

import pytest
import torch
import torch.nn.functional as F
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
from trainer.config.latent import DiscriminatorConfig
from trainer.config.method import Task
from trainer.config.networks import Norm
from trainer.config.section import check_section
from trainer.methods.base import Encodes, Samples, Translates
from trainer.methods.vaegan.config import VAEGANConfig
from trainer.methods.vaegan.method import VAEGAN
from trainer.methods.vaegan.networks import LikenessDiscriminator
from trainer.networks.conv_discriminator import ConvDiscriminator
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


def discriminator(image: Tensor) -> tuple[Tensor, Tensor]:
    """The logit is the first pixel. Features are ten times the image."""
    return image[:, 0, 0, 0], 10 * image


NETWORKS = stubs(encoder=encoder, decoder=decoder, discriminator=discriminator)


def terms(method: VAEGAN, player: str) -> dict[str, float]:
    losses = method.losses(player, NETWORKS, BATCH, method.forward(NETWORKS, BATCH))
    return {name: loss.item() for name, loss in losses.items()}


def test_encoders_terms():
    # KL: two dimensions of -1/2 (1 - 60 - 10000 - e^-60). |x - Dec(z)|^2 / 2 is (0 + 4) / 2 and (1 + 1) / 2 for the two
    # images, 1.5 on average; of features a hundred times that.
    assert terms(small(), "encoder") == pytest.approx({"prior": 10059.0, "like": 150.0})


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


def like(image: Tensor, reconstruction: Tensor, *, layer: int) -> float:
    """L_like of a decoder that gives that reconstruction."""
    torch.manual_seed(0)
    method = VAEGAN(
        VAEGANConfig(
            encoder=ENCODER,
            decoder=DECODER,
            discriminator=DiscriminatorConfig(num_filters=16),
            code_size=2,
            layer=layer,
        ),
        Task(channels_a=1, channels_b=1, side=32),
    )
    judge = method.players["discriminator"].networks["discriminator"]
    networks = stubs(encoder=encoder, decoder=lambda _: reconstruction, discriminator=judge)
    batch = single_batch(image)
    return method.losses("encoder", networks, batch, method.forward(networks, batch))["like"].item()


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_what_a_whole_batch_shares_counts(layer: int):
    """Half the contrast of every image is half the way to grey; normalised apart, the two would be nearly equal."""
    torch.manual_seed(1)
    image, unrelated = (F.avg_pool2d(torch.randn(16, 1, 36, 36), 5, stride=1) for _ in range(2))
    faded, bright = like(image, image / 2, layer=layer), like(image, image + 0.5, layer=layer)
    assert min(faded, bright) > 0.05 * like(image, unrelated, layer=layer)
    assert like(image, image, layer=layer) == pytest.approx(0, abs=1e-3)


def test_features_are_those_before_the_norm():
    torch.manual_seed(0)
    network = LikenessDiscriminator(DiscriminatorConfig(num_filters=4), in_channels=1, side=32, layer=2)
    image = torch.randn(3, 1, 32, 32)
    first, second = network.levels[0], network.levels[1]
    logits, features = network(image)
    torch.testing.assert_close(features, second[0](F.leaky_relu(first[0](image), 0.2)))  # type: ignore[index]
    assert logits.shape == (3,)
    assert features.shape == (3, 8, 8, 8)


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("layer", [1, 3])
def test_it_is_dcgans_discriminator(layer: int, norm: Norm):
    """The same logits, and nothing overwrites the features on the way to them."""
    config = DiscriminatorConfig(num_filters=4, norm=norm)
    theirs = ConvDiscriminator(config, in_channels=1, side=32)
    ours = LikenessDiscriminator(config, in_channels=1, side=32, layer=layer)
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(3, 1, 32, 32)
    logits, features = ours(image)
    torch.testing.assert_close(logits, theirs(image))
    if layer == 1:  # a LeakyReLU in place would leave a fifth of what is below 0
        torch.testing.assert_close(ours(-image)[1], -features)


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


def test_costs_are_those_of_guesses_before_anybody_steps():
    method = small(pause_margin=0.35)
    # Logits 1 and 0 of x, 1 of Dec(z), -1 of Dec(z_p), of which the mean is over all that the decoder makes.
    costs = {name: cost.item() for name, cost in method.costs(NETWORKS, BATCH).items()}
    assert costs == pytest.approx(
        {"real": (log(1 + exp(-1)) + log(2)) / 2, "fake": (log(1 + exp(1)) + log(1 + exp(-1))) / 2}
    )


@pytest.mark.parametrize(
    ("real", "fake", "paused"),
    [
        (0.68, 0.68, set()),
        (0.34, 1.02, set()),  # within the margin
        (0.32, 0.68, {"discriminator"}),
        (0.68, 0.32, {"discriminator"}),
        (1.04, 0.68, {"decoder"}),
        (0.68, 1.04, {"decoder"}),
        (0.32, 1.04, set()),  # both would: then neither does
    ],
)
def test_who_sits_out_is_the_authors_rule(real: float, fake: float, paused: set[str]):
    method = small(pause_margin=0.35)
    assert method.pauses_players
    assert set(method.pauses({"real": real, "fake": fake})) == paused
    assert not small().pauses_players


def test_a_critic_has_no_probabilities_to_pause_by():
    adversarial = AdversarialConfig(objective="hinge")
    with pytest.raises(ConfigError, match=r"pause_margin = 0.35.*'hinge'.*use 0"):
        check_section(VAEGANConfig(adversarial=adversarial, pause_margin=0.35))

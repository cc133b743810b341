"""BiGAN and ALI on networks small enough to work out: codes of one number, images of one value."""

from math import exp, log

import pytest
import torch
from torch import Tensor, nn

from tests.unit.methods.players import check_that_players_train_alone, losses_of, own_networks
from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.config.method import Task
from trainer.config.section import check_section
from trainer.data.batch import Batch
from trainer.methods.base import Encodes, Networks, Samples, Translates, TranslatesBack
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.bigan.method import BiGAN
from trainer.methods.shared.exchange import exchange_losses

TASK = Task(channels_a=1, channels_b=1, side=16)
IMAGE = torch.full((1, 1, 2, 2), 0.5)
BATCH = Batch(a=IMAGE, b=IMAGE, index=torch.arange(1))


def build(**changes) -> BiGAN:
    small = {
        "encoder": EncoderConfig(num_filters=2),
        "generator": DecoderConfig(num_filters=2),
        "discriminator": DiscriminatorConfig(num_filters=2),
        "code_size": 1,
    }
    return BiGAN(BiGANConfig(**small | changes), TASK)


def generate(code: Tensor) -> Tensor:
    """G(z) = z / 2 in each pixel."""
    return (code / 2)[:, :, None, None].expand(-1, -1, 2, 2)


# E(x) = 2 x = 1, so D(x, E(x)) = 0.5 + 1; D(G(z), z) = z / 2 + z.
NETWORKS = Networks(
    {
        "encoder": lambda image: 2 * image.mean((2, 3)),
        "generator": generate,
        "discriminator": lambda image, code: image.mean((1, 2, 3)) + code.squeeze(1),
    },
    {},
)


def softplus(value: float) -> float:
    """-log(1 - sigmoid(value)), and of the negative value -log sigmoid."""
    return log(1 + exp(value))


def test_terms_of_the_discriminator():
    method = build()
    z = method.forward(NETWORKS, BATCH)["code"].item()
    assert losses_of(method, "discriminator", BATCH, NETWORKS) == pytest.approx(
        {"real": softplus(-1.5), "fake": softplus(1.5 * z)}
    )


def test_terms_of_encoder_and_generator_have_the_labels_exchanged():
    method = build()
    z = method.forward(NETWORKS, BATCH)["code"].item()
    assert losses_of(method, "encoder_generator", BATCH, NETWORKS) == pytest.approx(
        {"gan_encoder": softplus(1.5), "gan_generator": softplus(-1.5 * z)}
    )


@pytest.mark.parametrize(
    ("adversarial", "encoder", "generator"),
    [
        # Logits 2 of (x, E(x)) and -1 of (G(z), z). log D(x, E(x)) and log(1 - D(G(z), z)):
        (AdversarialConfig(objective="minimax"), -softplus(-2), -softplus(-1)),
        # -log(1 - D(x, E(x))) and -log D(G(z), z):
        (AdversarialConfig(objective="non-saturating"), softplus(2), softplus(1)),
        # (D(x, E(x)) - 0)^2 and (D(G(z), z) - 1)^2:
        (AdversarialConfig(objective="least-squares"), 4, 4),
        # f(x, E(x)) and -f(G(z), z):
        (AdversarialConfig(objective="wasserstein", weight_clip=0.01), 2, 1),
        (AdversarialConfig(objective="hinge"), 2, 1),
    ],
)
def test_every_objective_is_turned_round_for_the_encoder(adversarial, encoder, generator):
    losses = exchange_losses(adversarial, inferred=torch.tensor([2.0]), generated=torch.tensor([-1.0]))
    assert losses["gan_encoder"].item() == pytest.approx(encoder)
    assert losses["gan_generator"].item() == pytest.approx(generator)


@pytest.mark.parametrize(("noise", "low", "high"), [("uniform", -1, 1), ("normal", -6, 6)])
def test_codes_follow_the_prior(noise, low, high):
    method = build(noise=noise, code_size=400)
    networks = own_networks(method)
    images = torch.zeros(4, 1, 16, 16)
    code = method.forward(networks, Batch(a=images, b=images, index=torch.arange(4)))["code"]
    assert low <= code.min() and code.max() <= high
    assert code.std().item() == pytest.approx({"uniform": 1 / 3**0.5, "normal": 1}[noise], rel=0.1)


def test_alis_encoder_describes_a_gaussian():
    method = build(posterior="gaussian")
    networks = Networks({**NETWORKS, "encoder": lambda image: torch.tensor([[3.0, log(4)]])}, {})
    noise = BATCH.normal("posterior", 1).item()
    # z = mu + sigma epsilon with mu 3 and sigma^2 4; at test time mu.
    assert method.forward(networks, BATCH)["inferred"].item() == pytest.approx(3 + 2 * noise)
    assert method.encode(networks, IMAGE).item() == 3
    assert build(posterior="gaussian").players["encoder_generator"].networks["encoder"](
        torch.zeros(2, 1, 16, 16)
    ).shape == (2, 2)


def test_penalties_are_of_the_whole_pair():
    method = build(adversarial=AdversarialConfig(weight_r1=2.0))

    class Linear(nn.Module):
        def forward(self, image: Tensor, code: Tensor) -> Tensor:
            return 2 * image.mean((1, 2, 3)) + 3 * code.squeeze(1)

    networks = Networks({**NETWORKS, "discriminator": Linear()}, {"discriminator": Linear()})
    # The gradient is 2/4 in each of 4 pixels, and 3 in the code: 2 x 1/2 x (4 x 1/4 + 9).
    assert losses_of(method, "discriminator", BATCH, networks)["r1"] == pytest.approx(10)


@pytest.mark.parametrize("posterior", ["deterministic", "gaussian"])
def test_players_train_alone(posterior):
    images = torch.randn(3, 1, 16, 16)
    method = build(posterior=posterior, code_size=3)
    assert list(method.players) == ["discriminator", "encoder_generator"]
    check_that_players_train_alone(method, Batch(a=images, b=images, index=torch.arange(3)))


def test_abilities():
    method = build(code_size=5)
    assert isinstance(method, Translates) and isinstance(method, Samples) and isinstance(method, Encodes)
    assert not isinstance(method, TranslatesBack)
    networks = own_networks(method)
    images = torch.rand(2, 1, 16, 16)
    code = method.encode(networks, images)
    assert code.shape == (2, 5)
    assert torch.equal(method.translate(networks, images), method.decode(networks, method.encode(networks, images)))
    assert method.sample(networks, 3, None).shape == (3, 1, 16, 16)
    columns = method.columns(networks, Batch(a=images, b=images, index=torch.arange(2)))
    assert all(column.shape == images.shape for column in columns.values())


def test_impossible_values_are_rejected():
    with pytest.raises(ConfigError, match=r"method\.code_size = 0: "):
        check_section(BiGANConfig(code_size=0), "method")
    with pytest.raises(ConfigError, match=r"method\.generator\.num_filters = 0: "):
        check_section(BiGANConfig(generator=DecoderConfig(num_filters=0)), "method")
    with pytest.raises(ConfigError, match=r"data\.crop_size = 48: must be a power of two"):
        BiGANConfig().check(DataConfig(load_size=64, crop_size=48))

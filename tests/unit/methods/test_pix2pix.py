"""pix2pix's objective and its ablations on networks small enough to work out."""

from math import exp, log

import pytest
import torch
from torch import Tensor

from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.data.batch import Batch
from trainer.methods.base import Networks, Translates
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.pix2pix.method import Pix2Pix
from trainer.networks.resnet import ResNet

A = torch.full((1, 1, 2, 2), 0.5)
B = torch.full((1, 1, 2, 2), -0.5)
TASK = Task(channels_a=1, channels_b=1, side=16)


def build(**changes) -> Pix2Pix:
    config = Pix2PixConfig(
        **{
            "generator": GeneratorConfig(num_filters=1, num_downs=2),
            "discriminator": PatchGANConfig(num_filters=1, num_layers=1),
            **changes,
        }
    )
    return Pix2Pix(config, TASK)


@pytest.fixture
def batch() -> Batch:
    return Batch(a=A, b=B, index=torch.arange(1))


def halve(image: Tensor) -> Tensor:
    """The generator: G(x) = x / 2 = 0.25."""
    return image / 2


def sum_of_channels(judged: Tensor) -> Tensor:
    """The discriminator: the logit is x + y, so 0 for the real pair and 0.75 for the fake; y where it sees y alone."""
    return judged.sum(dim=1, keepdim=True)


NETWORKS = Networks({"generator": halve, "discriminator": sum_of_channels}, {})


def losses_of(method: Pix2Pix, player: str, batch: Batch, networks: Networks = NETWORKS) -> dict[str, float]:
    losses = method.losses(player, networks, batch, method.forward(networks, batch))
    return {name: loss.item() for name, loss in losses.items()}


def test_generators_terms(batch: Batch):
    # L_cGAN: -log sigmoid(0.75). L_L1, weighted: 100 |0.25 - (-0.5)| = 75.
    assert losses_of(build(), "generator", batch) == pytest.approx({"gan": log(1 + exp(-0.75)), "l1": 75})


def test_discriminators_terms_are_halved(batch: Batch):
    # Real pair: -log sigmoid(0) = log 2. Fake pair: -log(1 - sigmoid(0.75)) = log(1 + e^0.75).
    assert losses_of(build(), "discriminator", batch) == pytest.approx(
        {"real": 0.5 * log(2), "fake": 0.5 * log(1 + exp(0.75))}
    )


def test_l1_alone_trains_no_discriminator(batch: Batch):
    adversarial = AdversarialConfig(num_discriminator_steps=3)
    method = build(weight_gan=0, adversarial=adversarial)
    assert list(method.players) == ["generator"]
    assert method.players["generator"].period == 1  # there is no one to wait for
    assert losses_of(method, "generator", batch) == pytest.approx({"l1": 75})


def test_l1_alone_takes_images_smaller_than_a_patch():
    config = Pix2PixConfig(
        weight_gan=0, generator=GeneratorConfig(num_downs=4), discriminator=PatchGANConfig(num_layers=5)
    )
    config.check(DataConfig(load_size=32, crop_size=32))


def test_the_gan_alone_has_no_l1(batch: Batch):
    assert set(losses_of(build(weight_l1=0), "generator", batch)) == {"gan"}


def test_weight_of_the_gan(batch: Batch):
    assert losses_of(build(weight_gan=3), "generator", batch)["gan"] == pytest.approx(3 * log(1 + exp(-0.75)))


def test_without_the_condition_the_output_is_judged_alone(batch: Batch):
    method = build(conditional=False)
    # Equation 2: logits -0.5 of y and 0.25 of G(x).
    assert losses_of(method, "discriminator", batch) == pytest.approx(
        {"real": 0.5 * log(1 + exp(0.5)), "fake": 0.5 * log(1 + exp(0.25))}
    )
    discriminator = method.players["discriminator"].networks["discriminator"]
    assert discriminator(torch.zeros(1, 1, 16, 16)).shape[1] == 1


def test_the_discriminator_is_conditional(batch: Batch):
    """The same target with another input is judged differently."""
    other = Batch(a=-A, b=B, index=batch.index)
    method = build()
    real, mismatched = (losses_of(method, "discriminator", pair)["real"] for pair in (batch, other))
    assert real != mismatched


def test_penalties_differentiate_by_the_output_alone_and_are_halved_too(batch: Batch):
    method = build(adversarial=AdversarialConfig(weight_r1=8))
    discriminator = torch.nn.Conv2d(2, 1, 1, bias=False)
    torch.nn.init.constant_(discriminator.weight, 3.0)
    networks = Networks({**NETWORKS, "discriminator": discriminator}, {"discriminator": discriminator})
    # 3 (x + y) on 2x2 pixels: 3/4 by each pixel of y, in square 9/4; halved, weighted, and halved with all of D's loss.
    assert losses_of(method, "discriminator", batch, networks)["r1"] == pytest.approx(0.5 * 8 * 0.5 * 9 / 4)


def test_the_discriminators_loss_does_not_reach_the_generator(batch: Batch):
    method = build()
    modules = {name: net for player in method.players.values() for name, net in player.networks.items()}
    image = torch.randn(1, 1, 16, 16)
    pair = Batch(a=image, b=image, index=batch.index)
    networks = Networks(modules, modules)
    losses = method.losses("discriminator", networks, pair, method.forward(networks, pair))
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is None for p in method.players["generator"].networks.parameters())
    assert all(p.grad is not None for p in method.players["discriminator"].networks.parameters())


def test_players_step_in_the_papers_order():
    method = build()
    assert list(method.players) == ["discriminator", "generator"]
    assert [player.is_discriminator for player in method.players.values()] == [True, False]


def test_critics_options_reach_the_players():
    adversarial = AdversarialConfig(objective="wasserstein", weight_clip=0.02, num_discriminator_steps=4)
    players = build(adversarial=adversarial).players
    assert (players["generator"].period, players["discriminator"].period) == (4, 1)
    assert (players["generator"].weight_clip, players["discriminator"].weight_clip) == (0, 0.02)


def test_the_generator_can_be_a_resnet():
    method = build(generator=GeneratorConfig(architecture="resnet", num_filters=1, num_blocks=1))
    assert isinstance(method.players["generator"].networks["generator"], ResNet)


def test_the_picture_shows_input_translation_and_target(batch: Batch):
    method = build()
    assert isinstance(method, Translates)
    columns = method.columns(NETWORKS, batch)
    assert {title: column.mean().item() for title, column in columns.items()} == {
        "input": 0.5,
        "translation": 0.25,
        "target": -0.5,
    }

"""CAAE on networks small enough to work out: codes of one number, images of 2 x 2 pixels."""

from math import exp, log

import pytest
import torch
from torch import Tensor, nn

from tests.unit.methods.players import check_that_players_train_alone, losses_of, own_networks
from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.config.section import check_section
from trainer.data.batch import Batch
from trainer.methods.base import Networks, Relabels, Translates
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.caae.method import CAAE

TASK = Task(channels_a=1, channels_b=1, side=16, num_labels=3)
IMAGE = torch.full((1, 1, 2, 2), 0.5)
BATCH = Batch(a=IMAGE, b=IMAGE, label=torch.tensor([1]), index=torch.arange(1))


def build(task: Task = TASK, **changes) -> CAAE:
    return CAAE(CAAEConfig(**{"num_filters": 4, "code_size": 1} | changes), task)


def striped(code: Tensor, label: Tensor) -> Tensor:
    """G(z, l) = z in the left column and 0 in the right one, where l is the label 1; negated where it is another."""
    sign = label[:, 1][:, None, None, None]
    return sign * code[:, :, None, None] * torch.tensor([[1.0, 0.0], [1.0, 0.0]])


class JudgeOfImages(nn.Module):
    """D_img = mean value + 1 where the label is 1, and - 1 where it is not."""

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        return image.mean((1, 2, 3)) + label[:, 1]


class JudgeOfCodes(nn.Module):
    """D_z = 2 z."""

    def forward(self, code: Tensor) -> Tensor:
        return 2 * code.squeeze(1)


MODULES = {"discriminator_z": JudgeOfCodes(), "discriminator_image": JudgeOfImages()}
# E(x) = mean of x = 1/2, so G(E(x), 1) is 1/2 in the left column.
NETWORKS = Networks({"encoder": lambda x: x.mean((2, 3)), "generator": striped, **MODULES}, MODULES)


def softplus(value: float) -> float:
    return log(1 + exp(value))


def test_terms_of_encoder_and_generator():
    assert losses_of(build(), "autoencoder", BATCH, NETWORKS) == pytest.approx(
        {
            # Two of four pixels are 1/2 away: 100 x (1/4 + 1/4) / 4.
            "reconstruction": 12.5,
            # Nothing changes downwards; both steps to the right are 1/2: 0.08 x (0 + 1/4).
            "total_variation": 0.02,
            # -log D_z(E(x)), with the logit 2 x 1/2.
            "gan_z": softplus(-1),
            # -log D_img(G(E(x), l), l), with the logit 1/4 + 1.
            "gan_image": softplus(-1.25),
        }
    )


def test_terms_as_the_authors_code_has_them():
    method = build(
        distance="l1",
        weight_reconstruction=1.0,
        weight_gan_image=0.0001,
        weight_gan_z=0.0,
        weight_total_variation=0.0,
    )
    assert losses_of(method, "autoencoder", BATCH, NETWORKS) == pytest.approx(
        {"reconstruction": 0.25, "gan_image": 0.0001 * softplus(-1.25)}
    )


def test_terms_of_the_discriminator_of_codes():
    """The prior is uniform in [-1, 1]."""
    images = IMAGE.expand(2000, -1, -1, -1)
    batch = Batch(a=images, b=images, label=torch.ones(2000, dtype=torch.long), index=torch.arange(2000))
    losses = losses_of(build(), "discriminator_z", batch, NETWORKS)
    expected = sum(softplus(-2 * (2 * (place + 0.5) / 1000 - 1)) for place in range(1000)) / 1000
    assert losses["real"] == pytest.approx(expected, rel=0.03)
    assert losses["fake"] == pytest.approx(softplus(1))


def test_terms_of_the_discriminator_of_images():
    # Logits 1/2 + 1 of the real image and 1/4 + 1 of the fake.
    assert losses_of(build(), "discriminator_image", BATCH, NETWORKS) == pytest.approx(
        {"real": softplus(-1.5), "fake": softplus(1.25)}
    )


def test_penalties_of_both_discriminators():
    method = build(adversarial=AdversarialConfig(weight_r1=2.0))
    # Gradients of 2 in a code, and of 1/4 in each of 4 pixels: 2 x 1/2 x 4, and 2 x 1/2 x 4 / 16.
    assert losses_of(method, "discriminator_z", BATCH, NETWORKS)["r1"] == pytest.approx(4)
    assert losses_of(method, "discriminator_image", BATCH, NETWORKS)["r1"] == pytest.approx(0.25)


def test_relabelling_keeps_the_code_and_changes_the_label():
    method = build()
    assert isinstance(method, Relabels) and not isinstance(method, Translates)
    left = method.relabel(NETWORKS, IMAGE.expand(3, -1, -1, -1), torch.arange(3))[:, 0, 0, 0]
    assert left.tolist() == [-0.5, 0.5, -0.5]


WITH_GENDER = Task(channels_a=3, channels_b=3, side=32, num_labels=10, num_values={"age": 10, "gender": 2})


def test_a_second_label_is_repeated_as_in_the_authors_code():
    """Of 50 dimensions: age 5 times and gender 25 times for G; once and 5 times for D_img."""
    players = build(WITH_GENDER, code_size=50, second_label="gender").players
    assert players["autoencoder"].networks["generator"].project.in_features == 50 + 5 * 10 + 25 * 2
    judge = players["discriminator_image"].networks["discriminator_image"]
    assert judge.levels[0][0].in_channels == 1 + 10 + 5 * 2


def gendered(*genders: int) -> Batch:
    images = torch.rand(len(genders), 3, 32, 32)
    labels = {"age": torch.arange(len(genders)) % 10, "gender": torch.tensor(genders)}
    return Batch(a=images, b=images, label=labels["age"], labels=labels, index=torch.arange(len(genders)))


def test_players_train_alone_with_a_second_label_too():
    check_that_players_train_alone(build(WITH_GENDER, code_size=10, second_label="gender"), gendered(0, 1, 1))


def test_generator_and_discriminator_see_the_images_own_second_label():
    method = build(
        Task(channels_a=1, channels_b=1, side=16, num_labels=3, num_values={"gender": 2}), second_label="gender"
    )
    seen: dict[str, list[list[float]]] = {}

    def note(name: str, result: Tensor, *labels: Tensor) -> Tensor:
        seen[name] = [label[0].tolist() for label in labels]
        return result

    calls = {
        "encoder": NETWORKS["encoder"],
        "discriminator_z": NETWORKS["discriminator_z"],
        "generator": lambda code, *labels: note("generator", striped(code, labels[0]), *labels),
        "discriminator_image": lambda image, *labels: note("judge", image.mean((1, 2, 3)), *labels),
    }
    networks = Networks(calls, MODULES)
    batch = Batch(
        a=IMAGE, b=IMAGE, label=torch.tensor([1]), labels={"gender": torch.tensor([1])}, index=torch.arange(1)
    )
    losses_of(method, "autoencoder", batch, networks)
    assert seen == {"generator": [[-1, 1, -1], [-1, 1]], "judge": [[-1, 1, -1], [-1, 1]]}
    method.relabel(networks, IMAGE, torch.tensor([2]), {"gender": torch.tensor([0])})
    assert seen["generator"] == [[-1, -1, 1], [1, -1]]


def test_its_picture_keeps_the_second_label():
    method, batch = build(WITH_GENDER, code_size=10, second_label="gender"), gendered(0, 1)
    networks = own_networks(method)
    shown = method.columns(networks, batch)["label 3"]
    label = torch.tensor([3, 3])
    torch.testing.assert_close(shown, method.relabel(networks, batch.b, label, {"gender": torch.tensor([0, 1])}))
    assert not torch.equal(shown, method.relabel(networks, batch.b, label, {"gender": torch.tensor([1, 0])}))


@pytest.mark.parametrize(
    ("num_labels", "shown"), [(3, [0, 1, 2]), (10, list(range(10))), (19, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18])]
)
def test_a_picture_shows_every_label_or_ten_of_them(num_labels, shown):
    method = build(Task(channels_a=1, channels_b=1, side=16, num_labels=num_labels))
    networks = own_networks(method)
    images = torch.rand(2, 1, 16, 16)
    columns = method.columns(networks, Batch(a=images, b=images, label=torch.tensor([0, 1]), index=torch.arange(2)))
    assert list(columns) == ["input", *(f"label {value}" for value in shown)]
    assert all(column.shape == images.shape for column in columns.values())


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
def test_players_train_alone(norm):
    images = torch.randn(3, 1, 32, 32)
    method = build(Task(channels_a=1, channels_b=1, side=32, num_labels=3), norm=norm, code_size=7)
    assert list(method.players) == ["discriminator_z", "discriminator_image", "autoencoder"]
    batch = Batch(a=images, b=images, label=torch.tensor([0, 2, 1]), index=torch.arange(3))
    check_that_players_train_alone(method, batch)


def test_critic_steps_and_clipping():
    adversarial = AdversarialConfig(objective="wasserstein", weight_clip=0.01, num_discriminator_steps=5)
    players = build(adversarial=adversarial).players
    assert {name: (player.period, player.weight_clip) for name, player in players.items()} == {
        "discriminator_z": (1, 0.01),
        "discriminator_image": (1, 0.01),
        "autoencoder": (5, 0),
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: check_section(CAAEConfig(code_size=0), "method"), r"method\.code_size = 0: "),
        (lambda: check_section(CAAEConfig(num_filters=2), "method"), r"method\.num_filters = 2: use 4"),
        (
            lambda: check_section(CAAEConfig(weight_reconstruction=0), "method"),
            r"method\.weight_reconstruction = 0: .*identity",
        ),
        (lambda: check_section(CAAEConfig(weight_gan_z=-1), "method"), r"method\.weight_gan_z = -1: use 0"),
        (lambda: CAAEConfig().check(DataConfig(load_size=64, crop_size=48)), r"data\.crop_size = 48: .*power of two"),
    ],
)
def test_impossible_values_are_rejected(make, message):
    with pytest.raises(ConfigError, match=message):
        make()

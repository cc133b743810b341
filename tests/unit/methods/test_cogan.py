"""CoGAN on networks small enough to work out, and the search for an image's code."""

from collections.abc import Sequence
from copy import deepcopy
from math import exp, log

import pytest
import torch
from torch import Tensor, nn

from tests.unit.methods.players import check_that_players_train_alone, losses_of, own_networks
from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, DiscriminatorConfig
from trainer.config.method import Task
from trainer.config.section import check_section
from trainer.data.batch import Batch
from trainer.methods.base import Networks, Samples, TranslatesBack
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.cogan.inversion import find_codes
from trainer.methods.cogan.method import CoGAN

TASK = Task(channels_a=1, channels_b=3, side=16)
BATCH = Batch(a=torch.full((1, 1, 2, 2), 0.5), b=torch.full((1, 1, 2, 2), -0.5), index=torch.arange(1))


def build(task: Task = TASK, **changes) -> CoGAN:
    small = {
        "generator": DecoderConfig(num_filters=4),
        "discriminator": DiscriminatorConfig(num_filters=4),
        "num_inversion_steps": 40,
    }
    return CoGAN(CoGANConfig(**small | changes), task)


def both(code: Tensor, views: Sequence[int] = (0, 1)) -> tuple[Tensor, ...]:
    """g1(z) = z and g2(z) = -z / 2 in each pixel."""
    image = code[:, :, None, None].expand(-1, -1, 2, 2)
    return tuple((image, -image / 2)[view] for view in views)


class Judge(nn.Module):
    """f1 = 2 a and f2 = 3 b, of mean values."""

    def forward(self, image_a: Tensor, image_b: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * image_a.mean((1, 2, 3)), 3 * image_b.mean((1, 2, 3))


NETWORKS = Networks(
    {"coupled_generator": both, "coupled_discriminator": Judge()},
    {"coupled_generator": nn.Linear(1, 1), "coupled_discriminator": Judge()},
)


def softplus(value: float) -> float:
    return log(1 + exp(value))


def test_terms_are_the_sums_of_two_gans():
    method = build(code_size=1)
    z = method.forward(NETWORKS, BATCH)["fake_a"].mean().item()
    # f1 is 1 of the real image and 2 z of the fake; f2 is -3/2 of the real one and -3 z / 2 of the fake.
    assert losses_of(method, "discriminators", BATCH, NETWORKS) == pytest.approx(
        {
            "real_a": softplus(-1),
            "fake_a": softplus(2 * z),
            "real_b": softplus(1.5),
            "fake_b": softplus(-1.5 * z),
        }
    )
    assert losses_of(method, "generators", BATCH, NETWORKS) == pytest.approx(
        {"gan_a": softplus(-2 * z), "gan_b": softplus(1.5 * z)}
    )


def test_penalties_are_of_each_discriminator_by_itself():
    method = build(code_size=1, adversarial=AdversarialConfig(weight_r1=2.0))
    losses = losses_of(method, "discriminators", BATCH, NETWORKS)
    # Gradients of 2/4 and 3/4 in each of 4 pixels: 2 x 1/2 x 4 x 1/4, and 2 x 1/2 x 4 x 9/16.
    assert losses["r1_a"] == pytest.approx(1)
    assert losses["r1_b"] == pytest.approx(9 / 4)


def test_a_translation_is_the_other_view_of_the_code_found():
    method = build(code_size=1, num_inversion_steps=100)
    torch.manual_seed(0)
    images = torch.tensor([0.5, -0.25])[:, None, None, None].expand(2, 1, 2, 2)
    torch.testing.assert_close(method.translate(NETWORKS, images), -images / 2, atol=2e-2, rtol=0)
    torch.testing.assert_close(method.translate_back(NETWORKS, images), -2 * images, atol=4e-2, rtol=0)


def test_a_search_runs_one_generator_and_its_translation_the_other():
    """With what both together would have given."""
    torch.manual_seed(0)
    method = build(num_inversion_steps=3)
    generator = method.players["generators"].networks["coupled_generator"].eval()
    runs = {"a": 0, "b": 0}
    for view, layers in (("a", generator.private_a), ("b", generator.private_b)):
        layers.register_forward_hook(lambda *_, view=view: runs.__setitem__(view, runs[view] + 1))
    image = torch.rand(2, 1, 16, 16)
    networks, found = own_networks(method), []
    for calls in (networks, {"coupled_generator": lambda code, views: [generator(code)[view] for view in views]}):
        torch.manual_seed(1)
        with torch.no_grad():
            found.append(method.translate(Networks(calls, networks), image))
    assert torch.equal(*found)
    assert runs == {"a": 4 + 5, "b": 1 + 5}


def test_codes_stay_where_the_prior_is():
    method = build(code_size=1, num_inversion_steps=100)
    beyond = torch.full((1, 1, 2, 2), 3.0)  # g1 makes it of z = 3 only
    torch.testing.assert_close(method.translate(NETWORKS, beyond), torch.full((1, 1, 2, 2), -0.5))
    free = build(code_size=1, num_inversion_steps=100, noise="normal")
    torch.testing.assert_close(free.translate(NETWORKS, beyond), torch.full((1, 1, 2, 2), -1.5), atol=2e-2, rtol=0)


def test_the_search_lowers_the_distance_and_leaves_the_networks_alone():
    torch.manual_seed(0)
    method = build(code_size=8)
    generator = method.players["generators"].networks["coupled_generator"].eval()
    generator.apply(lambda layer: nn.init.normal_(layer.weight, 0, 0.3) if hasattr(layer, "kernel_size") else None)
    before = deepcopy(generator.state_dict())
    with torch.no_grad():
        images, _ = generator(torch.rand(3, 8) * 2 - 1)
        starts = torch.rand(2, 3, 8) * 2 - 1
        found = [
            find_codes(lambda z: generator(z)[0], images, starts=starts, num_steps=steps, lr=0.1, bound=1.0)
            for steps in (0, 5, 60)
        ]
        distances = [(generator(code)[0] - images).square().flatten(1).sum(1) for code in found]
    assert (distances[1] < distances[0]).all() and (distances[2] < 0.2 * distances[0]).all()
    assert found[-1].abs().max() <= 1 and not found[-1].requires_grad
    assert all(parameter.grad is None for parameter in generator.parameters())
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_each_image_gets_its_best_start_whatever_is_beside_it():
    def cubic(code: Tensor) -> Tensor:
        return (code**3 - 3 * code)[:, :, None, None]

    # The way from -1 to where it is 10 leads down from 2 at first; and so, mirrored, to -10.
    images = torch.tensor([10.0, -10.0])[:, None, None, None]
    starts = torch.tensor([[[-1.5], [-2.0]], [[2.0], [1.5]]])  # (restarts, images, 1): one of each is stuck
    options = {"num_steps": 100, "lr": 0.05}
    together = find_codes(cubic, images, starts=starts, **options)
    assert (cubic(together) - images).abs().max() < 0.1
    for place in range(2):
        alone = find_codes(cubic, images[place : place + 1], starts=starts[:, place : place + 1], **options)
        torch.testing.assert_close(together[place : place + 1], alone)
    stuck = find_codes(cubic, images[:1], starts=starts[:1, :1], **options)
    assert cubic(stuck).item() == pytest.approx(2, abs=0.1)


def test_players_train_alone():
    batch = Batch(a=torch.randn(2, 1, 16, 16), b=torch.randn(2, 3, 16, 16), index=torch.arange(2))
    method = build()
    assert list(method.players) == ["discriminators", "generators"]
    check_that_players_train_alone(method, batch)


def test_both_images_of_a_pair_come_from_one_code():
    method = build(num_inversion_steps=2, num_restarts=1)
    assert isinstance(method, TranslatesBack) and isinstance(method, Samples)
    networks = own_networks(method)
    batch = Batch(a=torch.randn(2, 1, 16, 16), b=torch.randn(2, 3, 16, 16), index=torch.arange(2))
    fakes = method.forward(networks, batch)
    again = method.forward(networks, batch)
    assert fakes["fake_a"].shape == batch.a.shape and fakes["fake_b"].shape == batch.b.shape
    assert torch.equal(fakes["fake_a"], again["fake_a"])  # the noise is the sample's, not the call's
    assert method.sample(networks, 3, None).shape == (3, 3, 16, 16)
    assert method.translate_back(networks, batch.b).shape == batch.a.shape
    columns = method.columns(networks, batch)
    assert [column.shape[1] for column in columns.values()] == [1, 1, 3, 3, 1, 3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: check_section(CoGANConfig(num_restarts=0), "method"), r"method\.num_restarts = 0: use 1"),
        (lambda: check_section(CoGANConfig(inversion_lr=0), "method"), r"method\.inversion_lr = 0: use a positive"),
        (
            lambda: CoGANConfig(num_private_generator_layers=4).check(DataConfig(load_size=32, crop_size=32)),
            r"method\.num_private_generator_layers = 4: networks for 32 pixels have 4 layers, .* use 3 or fewer",
        ),
        (
            lambda: CoGANConfig(num_private_discriminator_layers=4).check(DataConfig(load_size=32, crop_size=32)),
            r"method\.num_private_discriminator_layers = 4: .* use 3 or fewer",
        ),
        (lambda: CoGANConfig().check(DataConfig(load_size=64, crop_size=48)), r"data\.crop_size = 48: .*power of two"),
    ],
)
def test_impossible_values_are_rejected(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_as_much_as_allowed_can_be_private():
    CoGANConfig(num_private_generator_layers=2, num_private_discriminator_layers=2).check(
        DataConfig(load_size=16, crop_size=16)
    )
    method = build(num_private_generator_layers=2, num_private_discriminator_layers=2)
    check_that_players_train_alone(
        method, Batch(a=torch.randn(2, 1, 16, 16), b=torch.randn(2, 3, 16, 16), index=torch.arange(2))
    )

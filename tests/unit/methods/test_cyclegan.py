"""CycleGAN's objective on networks small enough to work out."""

import pytest
import torch

from tests.unit.methods.two_way_networks import (
    NETWORKS,
    TASK,
    X,
    Y,
    batch_of,
    check_that_players_train_alone,
    losses_of,
    values,
)
from trainer.config.adversarial import AdversarialConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.section import check_section
from trainer.methods.base import TranslatesBack
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.cyclegan.method import CycleGAN
from trainer.methods.registry import build_method

GENERATOR = GeneratorConfig(architecture="resnet", num_filters=2, num_blocks=1, norm="instance", dropout=0)
DISCRIMINATOR = PatchGANConfig(num_filters=2, num_layers=1, norm="instance")


def build(**changes) -> CycleGAN:
    return CycleGAN(CycleGANConfig(generator=GENERATOR, discriminator=DISCRIMINATOR, **changes), TASK)


def test_generators_terms():
    assert losses_of(build(), "generators") == pytest.approx(
        {
            # Equation 1 with least squares: (D_a(F(y)) - 1)^2 and (D_b(G(x)) - 1)^2.
            "gan_a": (2 - 1) ** 2,
            "gan_b": (0.5 - 1) ** 2,
            # Equation 2, times 10: |F(G(x)) - x| and |G(F(y)) - y|.
            "cycle_a": 10 * 0.25,
            "cycle_b": 10 * 0.5,
            # Section 5.2, times 0.5 x 10: |F(x) - x| and |G(y) - y|.
            "identity_a": 5 * 0.5,
            "identity_b": 5 * 0.25,
        }
    )


def test_discriminators_terms_are_halved():
    assert losses_of(build(), "discriminators") == pytest.approx(
        {
            "real_a": 0.5 * (2.5 - 1) ** 2,
            "fake_a": 0.5 * 2**2,
            "real_b": 0.5 * (-1 - 1) ** 2,
            "fake_b": 0.5 * 0.5**2,
        }
    )


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"weight_cycle": 0}, {"cycle_a", "cycle_b", "identity_a", "identity_b"}),
        ({"weight_identity": 0}, {"identity_a", "identity_b"}),
        ({"weight_cycle_a": 0}, {"cycle_a", "identity_a"}),
        ({"weight_cycle_b": 0}, {"cycle_b", "identity_b"}),
    ],
)
def test_a_term_without_weight_is_left_out(changes: dict, missing: set):
    assert set(losses_of(build(), "generators")) - set(losses_of(build(**changes), "generators")) == missing


def test_each_view_can_have_a_weight_of_its_own():
    usual = losses_of(build(), "generators")
    assert losses_of(build(weight_cycle_a=5.0), "generators") == pytest.approx(
        usual | {"cycle_a": 5 * 0.25, "identity_a": 2.5 * 0.5}
    )
    assert losses_of(build(weight_cycle=0.0, weight_cycle_b=20.0), "generators") == pytest.approx(
        {key: usual[key] for key in ("gan_a", "gan_b")} | {"cycle_b": 20 * 0.5, "identity_b": 10 * 0.25}
    )


def test_a_weight_below_zero_is_refused():
    with pytest.raises(ConfigError, match=r"weight_cycle_b = -1.*use 0 \(off\) or more"):
        check_section(CycleGANConfig(weight_cycle_b=-1.0))


def test_discriminators_see_earlier_fakes_and_generators_are_judged_by_new_ones():
    method = build(pool_size=1)
    method.pools["b"].images.append(torch.full((1, 2, 2), 4.0))  # D_b of it is 8
    torch.manual_seed(0)
    seen, judged = set(), set()
    for _ in range(12):
        seen.add(losses_of(method, "discriminators")["fake_b"])
        judged.add(losses_of(method, "generators")["gan_b"])
    assert seen == {0.5 * 8**2, 0.5 * 0.5**2}
    assert judged == {0.25}


def test_players_train_alone_and_in_the_order_of_the_authors_code():
    method = build()
    check_that_players_train_alone(method, side=16)
    assert list(method.players) == ["generators", "discriminators"]
    assert [player.is_discriminator for player in method.players.values()] == [False, True]


def test_critics_options_reach_the_players():
    adversarial = AdversarialConfig(objective="wasserstein", weight_clip=0.02, num_discriminator_steps=4)
    players = build(adversarial=adversarial).players
    assert (players["generators"].period, players["discriminators"].period) == (4, 1)
    assert (players["generators"].weight_clip, players["discriminators"].weight_clip) == (0, 0.02)


def test_both_translations_and_the_picture():
    method = build()
    assert isinstance(method, TranslatesBack)
    assert method.translate(NETWORKS, X).unique().item() == 0.25
    assert method.translate_back(NETWORKS, Y).unique().item() == 0
    columns = method.columns(NETWORKS, batch_of(X, Y))
    assert list(columns) == ["a", "a to b", "and back", "b", "b to a", "back again"]
    assert list(values({title: column.mean() for title, column in columns.items()}).values()) == [
        0.5,
        0.25,
        0.75,
        -0.5,
        0,
        0,
    ]


def test_the_identity_needs_views_of_equal_channels():
    task = Task(channels_a=1, channels_b=3, side=16)
    config = CycleGANConfig(generator=GENERATOR, discriminator=DISCRIMINATOR)
    with pytest.raises(ConfigError, match=r"^method.weight_identity = 0.5: .* use 0"):
        build_method(config, task)
    without = CycleGANConfig(generator=GENERATOR, discriminator=DISCRIMINATOR, weight_identity=0)
    assert build_method(without, task).averaged == ("generator_a2b", "generator_b2a")


def test_the_papers_settings_are_the_defaults():
    config = CycleGANConfig()
    assert (config.generator.architecture, config.generator.num_blocks, config.generator.norm) == (
        "resnet",
        9,
        "instance",
    )
    assert (config.weight_cycle, config.pool_size, config.adversarial.objective) == (10, 50, "least-squares")

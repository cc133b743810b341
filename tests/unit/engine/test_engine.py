"""The engine on one rank; `tests/distributed/test_parity.py` compares it with plain torch on two."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.shrink import SIDE, shrink
from trainer.config.adversarial import AdversarialConfig
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import PlayerOptimizerConfig
from trainer.data.batch import Batch
from trainer.engine.engine import Engine
from trainer.engine.fused_adam import FusedAdam
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.registry import build_method
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world
from trainer.runs.config import RunConfig

BATCH_SIZE = 2
LIMIT = 0.01
CRITIC = AdversarialConfig(objective="wasserstein", weight_clip=LIMIT, num_discriminator_steps=3)
SLOW = PlayerOptimizerConfig(algorithm="adamw", lr=1e-5, beta1=0.9, weight_decay=0.1)


def config_of(
    method: Pix2PixConfig, *, lr: float = 1e-3, discriminator_lr_factor: float = 1.0, **engine: Any
) -> RunConfig:
    config = shrink(load_preset(DEFAULT), dataset=Path("unused"))
    return replace(
        config,
        method=method,
        optimizer=replace(
            config.optimizer, lr=lr, discriminator_lr_factor=discriminator_lr_factor, clipped_momentum=True
        ),
        engine=replace(config.engine, **engine),
    )


def pix2pix(adversarial: AdversarialConfig, *, num_filters: int = 4) -> Pix2PixConfig:
    return Pix2PixConfig(
        generator=GeneratorConfig(num_filters=num_filters, num_downs=5, dropout=0.5),
        discriminator=PatchGANConfig(num_filters=num_filters, num_layers=1),
        adversarial=adversarial,
    )


def make_engine(config: RunConfig) -> Engine:
    world = init_world("cpu")
    torch.manual_seed(0)
    engine = Engine(
        build_method(config.method, Task(channels_a=3, channels_b=3, side=SIDE)),
        config=config.engine,
        optimizer=config.optimizer,
        batch_size_per_gpu=BATCH_SIZE,
        world=world,
    )
    engine.set_learning_rate(config.optimizer.lr)
    return engine


def train(engine: Engine, *, step: int) -> dict[str, Tensor]:
    """On another batch in each step."""
    torch.manual_seed(step)
    a, b = torch.rand(2, BATCH_SIZE, 3, SIDE, SIDE) * 2 - 1
    return engine.train_step(Batch(a=a, b=b, index=torch.arange(BATCH_SIZE) + BATCH_SIZE * step), step=step)


def weights(engine: Engine, player: str) -> Tensor:
    """All weights of a player, as its next forward uses them."""
    parameters = engine.method.players[player].networks.parameters()
    return torch.cat([parameter.detach().flatten().clone() for parameter in parameters])


@pytest.mark.parametrize("zero_stage", [0, 3])
def test_recomputed_activations_change_no_loss(zero_stage: int):
    """With dropout, and weights large enough (above 1e5) for ZeRO 3 to release them between the two passes."""
    method = pix2pix(AdversarialConfig(), num_filters=24)
    engines = [
        make_engine(config_of(method, zero_stage=stage, activation_checkpointing=recomputes))
        for stage, recomputes in ((0, False), (zero_stage, True))
    ]
    for step in range(3):
        plain, recomputed = (train(engine, step=step) for engine in engines)
        assert recomputed == plain


@pytest.mark.parametrize("zero_stage", [0, 1, 2])
@pytest.mark.parametrize("algorithm", ["adam", "rmsprop", "adagrad"])
def test_a_critics_weights_stay_within_the_limit(zero_stage: int, algorithm: Any):
    config = config_of(pix2pix(CRITIC), lr=0.005, zero_stage=zero_stage)
    engine = make_engine(replace(config, optimizer=replace(config.optimizer, algorithm=algorithm)))
    assert weights(engine, "discriminator").abs().max() > LIMIT
    for step in range(3):
        train(engine, step=step)
        clipped = weights(engine, "discriminator")
        # float32 has no 0.01: the nearest is a little less.
        assert clipped.abs().max() == torch.tensor(LIMIT)
        assert (clipped.abs() < LIMIT).any()
    assert weights(engine, "generator").abs().max() > 2 * LIMIT
    # The optimizer goes on from the clipped values: ZeRO has copies of its own.
    engine.set_learning_rate(0)
    train(engine, step=3)
    assert torch.equal(weights(engine, "discriminator"), clipped)


@pytest.mark.parametrize("zero_stage", [0, 2])
def test_each_player_has_the_optimizer_that_it_is_given(zero_stage: int):
    config = config_of(pix2pix(AdversarialConfig()), lr=1e-3, discriminator_lr_factor=0.5, zero_stage=zero_stage)
    own = {"discriminator": PlayerOptimizerConfig(algorithm="rmsprop", rmsprop_decay=0.95), "generator": SLOW}
    engine = make_engine(replace(config, optimizer=replace(config.optimizer, players=own)))
    train(engine, step=0)
    optimizers = {name: player.engine.optimizer for name, player in engine.players.items()}
    inner = {name: getattr(optimizer, "optimizer", optimizer) for name, optimizer in optimizers.items()}
    assert isinstance(inner["discriminator"], torch.optim.RMSprop)
    assert isinstance(inner["generator"], FusedAdam)
    critic, generator = (inner[name].param_groups[0] for name in ("discriminator", "generator"))
    assert (critic["lr"], critic["alpha"], critic["weight_decay"]) == (pytest.approx(5e-4), 0.95, 0)
    assert (generator["lr"], generator["betas"]) == (pytest.approx(1e-5), (0.9, 0.999))
    assert (generator["weight_decay"], generator["decoupled_weight_decay"]) == (0.1, True)  # which makes it AdamW
    engine.set_learning_rate(1e-4)  # as at a tenth of the schedule
    assert [inner[name].param_groups[0]["lr"] for name in inner] == pytest.approx([5e-5, 1e-6])


@pytest.mark.parametrize(
    ("adversarial", "waiting"),
    [(CRITIC, "generator"), (AdversarialConfig(num_generator_steps=3), "discriminator")],
)
def test_one_player_waits_for_the_other(adversarial: AdversarialConfig, waiting: str):
    engine = make_engine(config_of(pix2pix(adversarial)))
    moved: dict[str, list[bool]] = {"discriminator": [], "generator": []}
    logged = []
    for step in range(6):
        before = {player: weights(engine, player) for player in moved}
        logged.append({name.split("/")[1] for name in train(engine, step=step)})
        for player, steps in moved.items():
            steps.append(not torch.equal(weights(engine, player), before[player]))
    (other,) = moved.keys() - {waiting}
    assert moved == {other: [True] * 6, waiting: [False, False, True, False, False, True]}
    assert logged == [{other}, {other}, {"discriminator", "generator"}] * 2


def test_the_pass_of_a_generator_that_does_not_step_keeps_no_graph(monkeypatch: pytest.MonkeyPatch):
    engine = make_engine(config_of(pix2pix(CRITIC)))
    graphs: list[bool] = []
    losses: Callable = engine.method.losses

    def note(player: str, networks: Any, batch: Batch, fakes: dict[str, Tensor]) -> dict[str, Tensor]:
        graphs.append(fakes["fake_b"].requires_grad)
        return losses(player, networks, batch, fakes)

    monkeypatch.setattr(engine.method, "losses", note)
    for step in range(3):
        train(engine, step=step)
    assert graphs == [False, False, True, True]  # the last step is of both players


def test_discriminators_have_a_learning_rate_of_their_own():
    """Adam's first step is as long as its learning rate."""
    config = config_of(pix2pix(AdversarialConfig()), discriminator_lr_factor=0.25)
    engine = make_engine(config)
    engine.set_learning_rate(0.004)
    before = {player: weights(engine, player) for player in ("discriminator", "generator")}
    train(engine, step=0)
    lengths = {player: (weights(engine, player) - start).abs().max().item() for player, start in before.items()}
    assert lengths == pytest.approx({"discriminator": 0.001, "generator": 0.004}, rel=1e-2)


def test_a_players_bucket_is_no_larger_than_its_gradients():
    """DeepSpeed allocates it at once: 2 GB for each player by its own default."""
    for player in make_engine(config_of(pix2pix(AdversarialConfig()), zero_stage=3)).players.values():
        num_weights = sum(weight.ds_numel for weight in player.networks.parameters())
        assert player.engine.optimizer.reduce_bucket_size == num_weights

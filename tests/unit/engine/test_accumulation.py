"""Several micro-batches to one step are what as many ranks would make of one each, in every method."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.shrink import SIDE, shrink
from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.engine.accumulation import seed_step
from trainer.engine.engine import Engine
from trainer.methods.base import Method, Networks
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.registry import build_method
from trainer.methods.shared.content_gan import ContentGAN
from trainer.methods.shared.feature_distance import FeatureDistance
from trainer.presets import DEFAULT, load_preset, preset_names
from trainer.ranks.world import init_world
from trainer.runs.config import RunConfig

NUM_STEPS = 3
SIZE = 2
TASK = Task(channels_a=3, channels_b=3, side=SIDE, num_labels=4)
CLOSE = 1e-9
"""In float64."""


def method_presets() -> list[str]:
    """The first preset of each method."""
    first: dict[str, str] = {}
    for name in preset_names():
        first.setdefault(load_preset(name).method.name, name)
    return list(first.values())


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """So that what is no rounding shows."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def config_of(preset: str, **engine) -> RunConfig:
    config = shrink(load_preset(preset), dataset=Path("unused"))
    return replace(config, engine=replace(config.engine, gradient_accumulation_steps=2, **engine))


def make_method(config: RunConfig) -> Method:
    """With dropout; each of several ranks would have a history of images of its own."""
    torch.manual_seed(0)
    method = build_method(config.method, TASK)
    for pool in method.pools.values():
        pool.size = 0
    if isinstance(method, ContentGAN) and isinstance(method.distance, FeatureDistance):
        method.distance.features.double()  # read from a file
    return method


def micro_batches(step: int, config: RunConfig) -> list[Batch]:
    batches = []
    for number in (2 * step, 2 * step + 1):
        generator = torch.Generator().manual_seed(number)
        a, b = (torch.rand((SIZE, 3, SIDE, SIDE), generator=generator) * 2 - 1 for _ in range(2))
        a = b if config.method.pairing == "single" else a
        index = torch.arange(SIZE) + SIZE * number
        batches.append(Batch(a=a, b=b, label=index % TASK.num_labels, index=index, seed=5))
    return batches


def train_as_ranks(config: RunConfig) -> Method:
    """Two ranks with one micro-batch each, one after the other: buffers and draws of their own, gradients averaged."""
    method = make_method(config)
    modules = {name: net for player in method.players.values() for name, net in player.networks.items()}
    networks, every = Networks(modules, modules), nn.ModuleList(modules.values())
    betas, decay = (config.optimizer.beta1, config.optimizer.beta2), config.optimizer.weight_decay
    optimizers = {
        name: torch.optim.Adam(player.networks.parameters(), lr=config.optimizer.lr, betas=betas, weight_decay=decay)
        for name, player in method.players.items()
    }
    for step in range(NUM_STEPS):
        ranks = [Rank(batch, every) for batch in micro_batches(step, config)]
        for rank in ranks:
            seed_step(rank.batch)
            with rank:
                rank.fakes = method.forward(networks, rank.batch)
        due = {name: player for name, player in method.players.items() if (step + 1) % player.period == 0}
        for name, player in due.items():
            for rival in method.players.values():
                rival.networks.requires_grad_(rival is player)
            for rank in ranks:
                with rank:
                    losses = method.losses(name, networks, rank.batch, rank.fakes)
                (torch.stack(list(losses.values())).sum() / 2).backward()
            for rival in method.players.values():
                rival.networks.requires_grad_(True)
            optimizers[name].step()
            optimizers[name].zero_grad()
            for parameter in player.networks.parameters() if player.weight_clip else ():
                parameter.data.clamp_(-player.weight_clip, player.weight_clip)
        ranks[0].keep()
    return method


class Rank:
    """Inside, networks have this rank's buffers, and torch goes on to draw where it had left off."""

    def __init__(self, batch: Batch, networks: nn.Module) -> None:
        self.batch, self.fakes = batch, {}
        self._draws: Tensor | None = None
        self._places = [(part, name) for part in networks.modules() for name, _ in part.named_buffers(recurse=False)]
        self._outside = [getattr(part, name) for part, name in self._places]
        self._own = [buffer.clone() for buffer in self._outside]

    def __enter__(self) -> None:
        if self._draws is not None:
            torch.set_rng_state(self._draws)
        for (part, name), own in zip(self._places, self._own, strict=True):
            setattr(part, name, own)

    def __exit__(self, *error: object) -> None:
        self._draws = torch.get_rng_state()
        for (part, name), outside in zip(self._places, self._outside, strict=True):
            setattr(part, name, outside)

    def keep(self) -> None:
        """What it has is what all have at the next step."""
        for outside, own in zip(self._outside, self._own, strict=True):
            outside.copy_(own)


def make_engine(config: RunConfig) -> Engine:
    world = init_world("cpu")
    return Engine(
        make_method(config),
        config=config.engine,
        optimizer=replace(config.optimizer, discriminator_lr_factor=1.0, algorithm="adam"),
        batch_size_per_gpu=SIZE,
        world=world,
    )


def state_of(method: Method) -> dict[str, Tensor]:
    """Weights and buffers."""
    return {
        f"{name}.{key}": value.detach().clone()
        for player in method.players.values()
        for name, network in player.networks.items()
        for key, value in network.state_dict().items()
    }


def with_critic(config: RunConfig) -> RunConfig:
    """Clipped weights and spectral norm in the critic; the generator steps in every second step."""
    method = config.method
    assert isinstance(method, Pix2PixConfig)
    critic = replace(method.discriminator, spectral_norm=True)
    adversarial = replace(method.adversarial, objective="wasserstein", weight_clip=0.01, num_discriminator_steps=2)
    optimizer = replace(config.optimizer, clipped_momentum=True)
    return replace(config, method=replace(method, discriminator=critic, adversarial=adversarial), optimizer=optimizer)


@pytest.mark.parametrize("preset", method_presets())
def test_an_engine_that_accumulates_trains_as_several_ranks_would(preset: str):
    assert_as_ranks(config_of(preset))


def test_so_does_one_that_recomputes_activations():
    assert_as_ranks(config_of(DEFAULT, activation_checkpointing=True))


def test_so_does_one_whose_generator_waits_for_a_critic():
    assert_as_ranks(with_critic(config_of(DEFAULT)))


@pytest.mark.parametrize("preset", method_presets())
def test_images_are_put_into_a_history_once(preset: str):
    """And each micro-batch is shown to every player."""
    config = config_of(preset)
    engine = make_engine(config)
    shown: Counter[tuple[str, int]] = Counter()
    losses = engine.method.losses

    def count(player: str, networks: Networks, batch: Batch, fakes):
        shown[player, batch.position] += 1
        return losses(player, networks, batch, fakes)

    engine.method.losses = count
    for pool in engine.method.pools.values():
        pool.size = 100
    step = max(player.period for player in engine.method.players.values()) - 1  # all are due
    engine.train_step(*micro_batches(0, config), step=step)
    assert shown == {(player, number * SIZE): 1 for player in engine.method.players for number in range(2)}
    assert [len(pool.images) for pool in engine.method.pools.values()] == [2 * SIZE] * len(engine.method.pools)


def assert_as_ranks(config: RunConfig) -> None:
    expected = state_of(train_as_ranks(config))
    engine = make_engine(config)
    begun = state_of(engine.method)
    for step in range(NUM_STEPS):
        engine.train_step(*micro_batches(step, config), step=step)
    found = state_of(engine.method)
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=0, atol=CLOSE), (name, (found[name] - value).abs().max())
    assert any(not torch.equal(value, begun[name]) for name, value in found.items())

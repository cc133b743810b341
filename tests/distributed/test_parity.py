"""Two DeepSpeed ranks against one process of plain torch on the same global batches, for every method."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.distributed.launcher import run_ranks
from tests.shrink import SIDE, shrink
from trainer.config.method import Task
from trainer.config.optimizer import OptimizerConfig
from trainer.data.batch import Batch
from trainer.engine.precision import autocasting
from trainer.methods.base import Method, Networks, Player
from trainer.methods.discogan.config import DiscoGANConfig
from trainer.methods.registry import build_method
from trainer.presets import load_preset, preset_names
from trainer.ranks.world import World
from trainer.runs.config import RunConfig

NUM_STEPS = 6
SAVED_STEP = 4
NUM_RANKS = 2
BATCH_SIZE_PER_GPU = 3
TASK = Task(channels_a=3, channels_b=3, side=SIDE, num_labels=4)
CLOSE = 2e-5
"""Largest difference of a weight. A rival that is not frozen makes 2e-4 and more."""
CLOSE_OF = {"gan": 5e-5, "discogan": 5e-5, "caae": 1.5e-4}
"""Of methods in which Adam divides a gradient near zero by its own size: one weight in thousands, at any ZeRO stage."""

Case = tuple[str, int, int]  # preset, ZeRO stage, accumulation steps
Weights = dict[str, list[np.ndarray]]  # of each player


def method_presets() -> list[str]:
    """The first preset of each method, of those that are made for small machines if there is one."""
    first: dict[str, str] = {}
    for name in sorted(preset_names(), key=lambda name: name.startswith("papers-")):
        first.setdefault(load_preset(name).method.name, name)
    return list(first.values())


PIX2PIX = next(name for name in method_presets() if load_preset(name).method.name == "pix2pix")
CASES: list[Case] = [
    *((name, 0, 1) for name in method_presets()),
    *((PIX2PIX, stage, 1) for stage in (1, 2)),
    (PIX2PIX, 3, 1),
    *((PIX2PIX, stage, 2) for stage in (0, 1, 2, 3)),
]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Weights of one rank after all steps."""

    unbroken: Weights
    resumed: Weights | None
    """After a save and a load in the middle; of some cases."""


def parity_config(preset: str) -> RunConfig:
    """Without what differs between ranks on purpose: dropout, and the histories of generated images."""
    config = shrink(load_preset(preset), dataset=Path("unused"))
    method = without_rank_noise(config.method)
    if isinstance(method, DiscoGANConfig):
        method = replace(method, feature_share=0.5)  # the one loss that is no mean over images
    return replace(
        config,
        method=method,
        engine=replace(config.engine, sync_batch_norm=True, zero_stage=0),
    )


def without_rank_noise(section):
    changes = {name: 0 for name in ("dropout", "pool_size") if hasattr(section, name)}
    if hasattr(section, "generator") and hasattr(section.generator, "dropout"):
        changes["generator"] = replace(section.generator, dropout=0.0)
    return replace(section, **changes)


def make_method(config: RunConfig) -> Method:
    """With smooth activations: a value at the kink of a ReLU, rounded to one side or the other by a sum in another
    order, would make ten steps differ by 2e-3 (in float64 they agree to 1e-15).
    """
    torch.manual_seed(0)
    method = build_method(config.method, TASK)
    for player in method.players.values():
        smooth_activations(player.networks)
    return method


def smooth_activations(network: nn.Module) -> None:
    for name, child in network.named_children():
        if isinstance(child, nn.ReLU | nn.LeakyReLU):
            setattr(network, name, nn.SiLU())
        else:
            smooth_activations(child)


def global_micro_batch(step: int, micro: int, config: RunConfig) -> Batch:
    """Of all ranks together; another for each call."""
    generator = torch.Generator().manual_seed(1000 * step + micro)
    num = NUM_RANKS * BATCH_SIZE_PER_GPU
    a, b = (torch.rand((num, 3, SIDE, SIDE), generator=generator) * 2 - 1 for _ in range(2))
    return Batch(
        a=b if config.method.pairing == "single" else a,
        b=b,
        # Every label: the plane of an absent one is constant, and batch norm leaves its weights rounding for gradients.
        label=(torch.arange(num) + step + 1) % TASK.num_labels,
        index=torch.arange(num) + 100 * (10 * step + micro),
        seed=1,
    )


def share_of(batch: Batch, rank: int) -> Batch:
    part = slice(rank * BATCH_SIZE_PER_GPU, (rank + 1) * BATCH_SIZE_PER_GPU)
    b = batch.b[part]
    assert batch.label is not None
    return Batch(
        a=b if batch.a is batch.b else batch.a[part],
        b=b,
        label=batch.label[part],
        index=batch.index[part],
        seed=batch.seed,
    )


def train_plain(
    config: RunConfig, num_accumulated: int, *, num_steps: int = NUM_STEPS, dtype: torch.dtype = torch.float32
) -> Weights:
    """Any method as one would train it in one process: each player steps after all its micro-batches."""
    method = make_method(config)
    modules = {name: net for player in method.players.values() for name, net in player.networks.items()}
    calls = {name: autocasting(net, device=torch.device("cpu"), dtype=dtype) for name, net in modules.items()}
    networks = Networks(calls, modules)
    scalers = {name: torch.amp.GradScaler("cpu", enabled=dtype == torch.float16) for name in method.players}
    optimizers = {name: plain_optimizer(player, config.optimizer.of(name)) for name, player in method.players.items()}
    for step in range(num_steps):
        batches = [global_micro_batch(step, micro, config) for micro in range(num_accumulated)]
        due = {name: player for name, player in method.players.items() if (step + 1) % player.period == 0}
        fakes_of = [method.forward(networks, batch) for batch in batches]
        for name, player in due.items():
            for rival in method.players.values():
                rival.networks.requires_grad_(rival is player)
            for batch, fakes in zip(batches, fakes_of, strict=True):
                losses = method.losses(name, networks, batch, fakes)
                loss: Any = sum(losses.values()) / num_accumulated
                scalers[name].scale(loss).backward()
            for rival in method.players.values():
                rival.networks.requires_grad_(True)
            if config.engine.gradient_clipping:
                scalers[name].unscale_(optimizers[name])
                nn.utils.clip_grad_norm_(player.networks.parameters(), config.engine.gradient_clipping)
            scalers[name].step(optimizers[name])
            scalers[name].update()
            optimizers[name].zero_grad()
            if player.weight_clip:
                for parameter in player.networks.parameters():
                    parameter.data.clamp_(-player.weight_clip, player.weight_clip)
    return weights_of(method)


def plain_optimizer(player: Player, settings: OptimizerConfig) -> torch.optim.Optimizer:
    parameters, lr, decay = player.networks.parameters(), settings.lr, settings.weight_decay
    if settings.algorithm == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=lr, alpha=settings.rmsprop_decay, weight_decay=decay)
    if settings.algorithm == "adagrad":
        return torch.optim.Adagrad(parameters, lr=lr, weight_decay=decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.algorithm]
    return kind(parameters, lr=lr, betas=(settings.beta1, settings.beta2), weight_decay=decay)


def weights_of(method: Method) -> Weights:
    return {
        name: [parameter.detach().numpy().copy() for parameter in player.networks.parameters()]
        for name, player in method.players.items()
    }


def whole_weights(engine: Any) -> Weights:
    """Of all players; at ZeRO 3 every rank must ask."""
    with engine.gathered([name for player in engine.method.players.values() for name in player.networks]):
        return weights_of(engine.method)


def train_ranks(world: World, folder: Path, cases: list[Case]) -> dict[Case, Outcome]:
    """All of these in one start of the ranks."""
    from trainer.engine.engine import Engine

    def make_engine(config: RunConfig, zero_stage: int, num_accumulated: int) -> Engine:
        return Engine(
            make_method(config),
            config=replace(config.engine, zero_stage=zero_stage, gradient_accumulation_steps=num_accumulated),
            optimizer=replace(config.optimizer, discriminator_lr_factor=1.0),
            batch_size_per_gpu=BATCH_SIZE_PER_GPU,
            world=world,
        )

    def train(engine: Engine, config: RunConfig, steps: range, num_accumulated: int) -> None:
        for step in steps:
            batches = [global_micro_batch(step, micro, config) for micro in range(num_accumulated)]
            engine.train_step(*(share_of(batch, world.rank) for batch in batches), step=step)

    outcomes = {}
    for preset, zero_stage, num_accumulated in cases:
        config = parity_config(preset)
        engine = make_engine(config, zero_stage, num_accumulated)
        saved = folder / f"{preset}-{zero_stage}-{num_accumulated}"
        resumes = preset == PIX2PIX
        train(engine, config, range(SAVED_STEP), num_accumulated)
        if resumes:
            engine.save(saved)
        train(engine, config, range(SAVED_STEP, NUM_STEPS), num_accumulated)
        unbroken, resumed = whole_weights(engine), None
        if resumes:
            again = make_engine(config, zero_stage, num_accumulated)
            again.load(saved, saved_ranks=NUM_RANKS)
            train(again, config, range(SAVED_STEP, NUM_STEPS), num_accumulated)
            resumed = whole_weights(again)
        outcomes[preset, zero_stage, num_accumulated] = Outcome(unbroken=unbroken, resumed=resumed)
    return outcomes


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[Case, Outcome]]:
    return run_ranks(train_ranks, NUM_RANKS, tmp_path_factory.mktemp("engines"), CASES, timeout_s=540)


@pytest.fixture(scope="module")
def plain() -> dict[tuple[str, int], Weights]:
    wanted = dict.fromkeys((preset, num_accumulated) for preset, _, num_accumulated in CASES)
    return {(preset, number): train_plain(parity_config(preset), number) for preset, number in wanted}


def largest_difference(ours: Weights, others: Weights) -> dict[str, float]:
    assert ours.keys() == others.keys()
    return {
        player: max(float(np.abs(a - b).max()) for a, b in zip(ours[player], others[player], strict=True))
        for player in ours
    }


def assert_close(preset: str, ours: Weights, others: Weights) -> None:
    for player, difference in largest_difference(ours, others).items():
        assert difference < CLOSE_OF.get(load_preset(preset).method.name, CLOSE), player


def case_name(case: Case) -> str:
    return f"{case[0]}-zero{case[1]}-accumulate{case[2]}"


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_two_ranks_equal_one_process(case: Case, ranks, plain):
    preset, _, num_accumulated = case
    assert_close(preset, ranks[0][case].unbroken, plain[preset, num_accumulated])


@pytest.mark.parametrize("case", [case for case in CASES if case[0] == PIX2PIX], ids=case_name)
def test_a_resumed_engine_equals_an_unbroken_one(case: Case, ranks):
    outcome = ranks[0][case]
    assert outcome.resumed is not None
    assert set(largest_difference(outcome.unbroken, outcome.resumed).values()) == {0.0}


def test_ranks_hold_the_same_weights(ranks):
    for case in CASES:
        assert set(largest_difference(ranks[0][case].unbroken, ranks[1][case].unbroken).values()) == {0.0}


@pytest.mark.parametrize("preset", method_presets())
def test_training_moved_every_player(preset: str, plain):
    initial = weights_of(make_method(parity_config(preset)))
    for player, moved in largest_difference(plain[preset, 1], initial).items():
        assert moved > 5 * CLOSE, player

"""Frozen parts keep their values at every ZeRO stage, through steps, checkpoints and other numbers of ranks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.distributed.launcher import run_ranks
from tests.distributed.test_parity import PIX2PIX, global_micro_batch, make_method, parity_config, share_of
from trainer.methods.base import Method
from trainer.ranks.world import World, init_world

STAGES = (0, 1, 2, 3)
NUM_RANKS = 2
FROZEN = ("generator.encoder", "discriminator.layers.0")
SAVED, END = range(2), range(2, 4)
CLOSE = 2e-5

Weights = dict[str, np.ndarray]


def frozen_method() -> Method:
    from trainer.engine.frozen import freeze

    method = make_method(parity_config(PIX2PIX))
    freeze(method.players, FROZEN)
    return method


def is_frozen(name: str) -> bool:
    return name.startswith(tuple(f"{part}." for part in FROZEN))


def make_engine(world: World, stage: int, method: Method):
    from trainer.engine.engine import Engine

    config = parity_config(PIX2PIX)
    return Engine(
        method,
        config=replace(config.engine, zero_stage=stage),
        optimizer=config.optimizer,
        batch_size_per_gpu=3,
        world=world,
    )


def train(engine, world: World, steps: range) -> None:
    for step in steps:
        engine.train_step(share_of(global_micro_batch(step, 0, parity_config(PIX2PIX)), world.rank), step=step)


def weights_of(engine) -> Weights:
    names = [name for player in engine.method.players.values() for name in player.networks]
    with engine.gathered(names) as networks:
        return {
            f"{name}.{key}": value.detach().numpy().copy()  # tensors would be gone with the process that sent them
            for name, network in networks.items()
            for key, value in network.named_parameters()
        }


def shifted() -> Method:
    """With other first weights, frozen ones too: those of the checkpoint must come back."""
    method = frozen_method()
    with torch.no_grad():
        for player in method.players.values():
            for parameter in player.networks.parameters():
                parameter.add_(0.1)
    return method


def train_frozen(world: World, folder: Path) -> dict[int, tuple[Weights, Weights]]:
    """Stage -> weights of an unbroken run, and of one that was resumed."""
    outcomes = {}
    for stage in STAGES:
        engine = make_engine(world, stage, frozen_method())
        train(engine, world, SAVED)
        engine.save(folder / str(stage))
        train(engine, world, END)
        again = make_engine(world, stage, shifted())
        again.load(folder / str(stage), saved_ranks=world.size)
        train(again, world, END)
        outcomes[stage] = weights_of(engine), weights_of(again)
    return outcomes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the players as the ranks have saved them after two steps, by stage."""
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> dict[int, tuple[Weights, Weights]]:
    return run_ranks(train_frozen, NUM_RANKS, folder, timeout_s=240)[0]


@pytest.fixture(scope="module")
def initial() -> Weights:
    init_world("cpu")
    networks = [item for player in frozen_method().players.values() for item in player.networks.items()]
    return {f"{name}.{key}": value.detach().numpy() for name, net in networks for key, value in net.named_parameters()}


@pytest.mark.parametrize("stage", STAGES)
def test_frozen_parts_alone_keep_their_values(stage: int, outcomes, initial: Weights) -> None:
    unbroken, resumed = outcomes[stage]
    for name, value in unbroken.items():
        assert np.array_equal(value, initial[name]) == is_frozen(name), name
        assert np.array_equal(value, resumed[name]), name
        assert np.abs(value - outcomes[0][0][name]).max() < CLOSE, name


@pytest.mark.parametrize("stage", STAGES)
def test_one_process_reads_what_two_ranks_saved(stage: int, folder: Path, outcomes, initial: Weights) -> None:
    from trainer.engine.stored_weights import read_weights

    read = {}
    for player in ("generator", "discriminator"):
        read |= read_weights(folder / str(stage) / player, num_ranks=NUM_RANKS)
    assert all(np.array_equal(read[name], value) for name, value in initial.items() if is_frozen(name))
    if stage == 3:  # goes on on the same number of ranks alone
        return
    engine = make_engine(init_world("cpu"), stage, shifted())
    engine.load(folder / str(stage), saved_ranks=NUM_RANKS)
    assert all(np.array_equal(read[name], value) for name, value in weights_of(engine).items())

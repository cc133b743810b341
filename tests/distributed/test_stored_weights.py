"""Weights that ZeRO 3 has split over ranks are read back whole by one process, without an engine."""

from pathlib import Path

import numpy as np

from tests.distributed.launcher import run_ranks
from tests.distributed.test_parity import PIX2PIX, make_method, parity_config
from trainer.ranks.world import World

NUM_RANKS = 3
"""Most parameters' sizes are no multiple of it."""


def save(world: World, folder: Path) -> dict[str, np.ndarray]:
    """Write what three ranks train; the weights before they were split."""
    from dataclasses import replace

    from trainer.engine.engine import Engine

    config = parity_config(PIX2PIX)
    method = make_method(config)
    networks = {name: network for player in method.players.values() for name, network in player.networks.items()}
    weights = {
        f"{name}.{key}": value.numpy().copy()
        for name, net in networks.items()
        for key, value in net.state_dict().items()
    }
    engine = Engine(
        method,
        config=replace(config.engine, zero_stage=3),
        optimizer=config.optimizer,
        batch_size_per_gpu=1,
        world=world,
    )
    engine.save(folder)
    return weights


def test_slices_of_all_ranks_make_the_weights(tmp_path: Path) -> None:
    from trainer.engine.stored_weights import read_weights

    weights = run_ranks(save, NUM_RANKS, tmp_path)[0]
    read = {
        name: tensor
        for player in tmp_path.iterdir()
        for name, tensor in read_weights(player, num_ranks=NUM_RANKS).items()
    }
    assert read.keys() == weights.keys()
    assert any(values.size % NUM_RANKS for values in weights.values())
    for name, values in weights.items():
        assert np.array_equal(read[name], values), name

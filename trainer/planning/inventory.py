"""What a plan is told of players and networks: made of an engine, and of an account of its steps."""

from typing import Any

import torch

from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.engine.player import PlayerEngine
from trainer.planning.account import StepAccount
from trainer.planning.live import num_bytes
from trainer.planning.request import Found, NetworkFound, PlayerFound, Probe


def answer(
    engine: Engine, average: MovingAverage, *, accounts: tuple[StepAccount, StepAccount], **measured: Any
) -> Found:
    """All that was found.

    Args:
        accounts: of steps with two sizes of micro-batches: what differs between them is of the images.
        measured: entries of `Found` that are neither of players, networks nor the device.
    """
    device, account = engine.world.device, accounts[-1]
    pools = [image for pool in engine.method.pools.values() for image in pool.images]
    averaged = [tensor for net in average.networks.values() for tensor in (*net.parameters(), *net.buffers())]
    return Found(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        dtype=str(engine.dtype).removeprefix("torch."),
        num_threads=torch.get_num_threads(),
        players=[_player(engine, account, name) for name in engine.players],
        networks=[
            _network(accounts, player, name) for player, each in engine.players.items() for name in each.networks
        ],
        flops=account.flops / account.num_images,
        averages=num_bytes(averaged),
        pools=num_bytes(pools),
        probes=[Probe(batch_size=each.batch_size, maps=each.maps.peak) for each in accounts],
        **measured,
    )


def _network(accounts: tuple[StepAccount, StepAccount], player: str, name: str) -> NetworkFound:
    small, account = accounts
    network = account.networks[name]
    more = account.maps.peak_of(name) - small.maps.peak_of(name)
    return NetworkFound(
        player=player,
        name=name,
        num_weights=sum(map(_numel, network.parameters())),
        calls=account.calls[name] / account.num_steps,
        forward_flops=account.forward_flops[name] / account.num_images,
        maps_bytes=more / (account.batch_size - small.batch_size),
    )


def _player(engine: Engine, account: StepAccount, name: str) -> PlayerFound:
    player, held = engine.players[name], account.held.get(name, {})
    weights = list(player.networks.parameters())
    return PlayerFound(
        name=name,
        num_weights=sum(map(_numel, weights)),
        num_trained=sum(_numel(weight) for weight in weights if weight.requires_grad),
        flops=account.flops_of_players[name] / account.num_images,
        held=held,
        stored=_stored(player, held, stage=engine.zero_stage, num_ranks=engine.world.size),
    )


def _numel(weight: torch.Tensor) -> int:
    return getattr(weight, "ds_numel", weight.numel())


def _stored(player: PlayerEngine, held: dict[str, int], *, stage: int, num_ranks: int) -> int:
    """Bytes of a player's part of a checkpoint, of all ranks: what ZeRO has split, each rank writes of its own."""
    buffers = num_bytes(player.networks.buffers())
    whole = num_ranks if stage == 3 else 1
    split = num_ranks if stage > 0 else 1
    return buffers + whole * held.get("weights", 0) + split * (held.get("state", 0) + held.get("copies", 0))

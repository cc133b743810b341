"""Bytes that a player holds from step to step, by what they are: counted where DeepSpeed and torch keep them."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from trainer.engine.player import PlayerEngine
from trainer.planning.live import Storages

KINDS = ("weights", "copies", "gradients", "buckets", "state")
"""`copies`: the float32 weights that ZeRO 1 to 3 step on; `buckets`: buffers that gradients are sent from; `state`: of
the optimizer."""


def held_by_kind(player: PlayerEngine) -> dict[str, int]:
    """Bytes of one player on this rank; what several tensors share counts once, for the first kind.

    After its backward pass and before its step, when it holds most. Optimizer state is there after its first step.
    """
    storages = Storages()
    optimizer = player.engine.optimizer
    parameters = list(player.networks.parameters())
    held = [getattr(parameter, "ds_tensor", parameter) for parameter in parameters]
    kinds: dict[str, Iterable[Any]] = {
        "weights": [*held, *parameters],
        "copies": [*_lists(optimizer, "single_partition_of_fp32_groups", "fp32_partitioned_groups_flat")],
        "gradients": [
            *(parameter.grad for parameter in parameters),
            *(getattr(parameter, "grad_accum", None) for parameter in parameters),
            *_lists(optimizer, "averaged_gradients", "grad_partitions_flat_buffer"),
        ],
        "buckets": [bucket.buffer for bucket in getattr(optimizer, "ipg_buckets", {}).values()],
        "state": optimizer.state.values(),
    }
    counted = {kind: sum(map(storages.note, list(_tensors(values)))) for kind, values in kinds.items()}
    if player._ddp is not None:
        sizes = player._ddp._get_ddp_logging_data()["bucket_sizes"]
        counted["buckets"] += sum(int(size) for size in sizes.split(",") if size)
    return counted


def _lists(optimizer: Any, *names: str) -> list[Any]:
    return [getattr(optimizer, name) for name in names if getattr(optimizer, name, None) is not None]


def _tensors(values: Any) -> Iterable[Tensor]:
    """All tensors in lists and tables, however deep."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))
    elif isinstance(values, Iterable) and not isinstance(values, str):
        for value in values:
            yield from _tensors(value)

"""The weights of one player as DeepSpeed has stored them, read without an engine and without its code.

At ZeRO 0 to 2 one file holds them whole. At ZeRO 3 each rank has written its slice of every parameter into one flat
vector, beside its optimizer's state.
"""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.engine.tensors import load_tensors

_TAG = "state"
_PREFIX = "networks."
"""Before the names of a player's networks, which stand in one module for DeepSpeed."""
WRAPPER = "_checkpoint_wrapped_module."
"""What activation checkpointing puts into the names of parameters, but not into those of state dicts."""


def read_weights(folder: Path, *, num_ranks: int) -> dict[str, Tensor]:
    """Parameters and buffers on the CPU by their names, e.g. `generator.stem.weight`: first that of the network.

    Args:
        folder: of the player in a checkpoint.
        num_ranks: that have saved.

    Raises:
        RecordError: a file is missing or damaged, or holds what would run code.
        LookupError, TypeError, AttributeError, RuntimeError: it holds other things than DeepSpeed writes.
    """
    whole = folder / _TAG / "mp_rank_00_model_states.pt"
    is_whole = os.path.lexists(whole)
    stored = load_tensors(whole)["module"] if is_whole else _joined(folder / _TAG, num_ranks=num_ranks)
    return {name.removeprefix(_PREFIX).replace(WRAPPER, ""): tensor for name, tensor in stored.items()}


def _joined(folder: Path, *, num_ranks: int) -> dict[str, Tensor]:
    """What all ranks hold of each parameter, side by side; the last rank's slice may be filled up."""
    first = load_tensors(folder / "zero_pp_rank_0_mp_rank_00_model_states.pt")
    buffers = {name.replace(WRAPPER, "") for name in first["buffer_names"]}
    joined = {name: tensor for name, tensor in first["module"].items() if name in buffers}
    joined |= _joined_frozen(folder, first, num_ranks=num_ranks)
    vectors = [_flat(folder, rank) for rank in range(num_ranks)]
    begin = 0
    for group in first["param_shapes"]:
        for name, shape in group.items():
            size = torch.Size(shape)
            length = -(-size.numel() // num_ranks)
            slices = [vector.narrow(0, begin, length) for vector in vectors]
            joined[name] = torch.cat(slices)[: size.numel()].view(size)
            begin += length
    joined |= {alias: joined[name] for alias, name in first["shared_params"].items()}
    return joined


def _joined_frozen(folder: Path, first: Any, *, num_ranks: int) -> dict[str, Tensor]:
    """What did not train has no optimizer's state, and its slices a place of their own."""
    shapes = {name: torch.Size(shape) for name, shape in (first["frozen_param_shapes"] or {}).items()}
    if not shapes:
        return {}
    ranks = [
        load_tensors(folder / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt")["frozen_param_fragments"]
        for rank in range(num_ranks)
    ]
    return {
        name: torch.cat([slices[name].flatten() for slices in ranks])[: shape.numel()].view(shape)
        for name, shape in shapes.items()
    }


def _flat(folder: Path, rank: int) -> Tensor:
    stored: Any = load_tensors(folder / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    return torch.cat(list(stored["optimizer_state_dict"]["fp32_flat_groups"])).detach()

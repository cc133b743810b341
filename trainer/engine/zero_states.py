"""What the ranks of a ZeRO 1 or 2 checkpoint keep of their optimizer, put together again.

Each rank writes the slice of one flat vector that it steps, and where in it the fragments of which parameters lie. On
another number of ranks the slices are others, and DeepSpeed's own loading would take the wrong ones or none.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.engine.tensors import load_tensors


@dataclass(kw_only=True)
class OptimizerState:
    """The optimizer state of one player, whole."""

    of_parameters: dict[str, dict[str, Tensor]]
    """Name of the parameter -> e.g. `exp_avg` -> flat values."""
    of_all: dict[str, Tensor] = field(default_factory=dict)
    """What all parameters share, e.g. `step`."""


def join_states(folder: Path, *, num_ranks: int) -> OptimizerState:
    """Read the parts of all ranks from DeepSpeed's directory of one player.

    Raises:
        RecordError: a part is missing, damaged or not what DeepSpeed writes.
        LookupError, TypeError, AttributeError, RuntimeError: it holds other things than a part does.
    """
    pieces: dict[str, dict[str, list[Tensor]]] = defaultdict(lambda: defaultdict(list))
    shared: dict[str, Tensor] = {}
    for rank in range(num_ranks):
        path = folder / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
        part = load_tensors(path)["optimizer_state_dict"]
        for group, fragments in enumerate(part["param_slice_mappings"]):
            for key, value in part["base_optimizer_state"]["state"][group].items():
                if value.dim() == 0:
                    shared[key] = value
                    continue
                for name, place in fragments.items():
                    pieces[name][key].append(value[place.start : place.start + place.numel])
    return OptimizerState(
        of_parameters={
            name: {key: torch.cat(values) for key, values in by_key.items()} for name, by_key in pieces.items()
        },
        of_all=shared,
    )


def load_slice(engine: Any, whole: OptimizerState) -> None:
    """This rank's slices of an optimizer's state. At ZeRO 1 and 2."""
    optimizer = engine.optimizer.optimizer  # torch's, of one flat vector: this rank's slice of all parameters
    (vector,) = (parameter for group in optimizer.param_groups for parameter in group["params"])
    state = {key: value.to(vector.device).clone() for key, value in whole.of_all.items()}
    for name, parameter in engine.module.named_parameters():
        mapping = getattr(parameter, "_hp_mapping", None)
        if mapping is None:
            continue  # none of it is in this rank's slice, or it is frozen
        there, here = mapping.lp_fragment_address, mapping.hp_fragment_address
        for key, values in whole.of_parameters[name].items():
            own = state.setdefault(key, torch.zeros_like(vector))
            own[here.start : here.start + here.numel] = values[there.start : there.start + there.numel]
    optimizer.state[vector] = state

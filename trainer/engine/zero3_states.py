"""What the ranks of a ZeRO 3 checkpoint hold, cut anew for another number of ranks.

Each rank has written its slice of every weight, and of what the optimizer keeps of it, one after the other into flat
vectors: one for each sub-group of parameters, of a billion values as a rule. A slice is the same share of each
parameter, the last rank's filled up. On another number of ranks the slices are others.

Files are mapped into memory, not read: of the other ranks' a rank takes what belongs to its own slices.

DeepSpeed's own route, its universal checkpoints, is worse here: a program must first write the whole checkpoint anew
beside itself, so that a run could not go on by itself after a lost machine; that program and the loading both read
pickles that may run code; and of the optimizer's state they know Adam's alone (RMSprop's is an error).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.engine.stored_weights import WRAPPER
from trainer.engine.tensors import load_tensors

_STATE = "optimizer_state_dict"
_WEIGHTS = "fp32_flat_groups"


def load_slices(engine: Any, folder: Path, *, saved_ranks: int) -> Mapping[str, Any]:
    """This rank's slices of weights and optimizer state, and all buffers, from DeepSpeed's directory of one player.

    Args:
        saved_ranks: another number than that of the ranks now.

    Returns:
        What rank 0 has written beside the slices.

    Raises:
        RecordError: a part is missing, damaged or not what DeepSpeed writes.
        LookupError, TypeError, AttributeError, RuntimeError: it holds other things than a part does.
    """
    optimizer = engine.optimizer
    stored = _Stored(folder, num_ranks=saved_ranks)
    names = {id(parameter): name for name, parameter in engine.module.named_parameters()}
    optimizer.checkpoint_event_prologue()  # from here to the epilogue no rank holds whole weights
    stored.copy_buffers(engine.module)
    for parameter in engine.module.parameters():
        if not parameter.requires_grad:
            stored.copy_frozen(names[id(parameter)], parameter)
    groups = [[(names[id(parameter)], parameter) for parameter in group] for group in optimizer.fp16_groups]
    vectors = optimizer.fp32_partitioned_groups_flat
    own = optimizer.state_dict()
    own[_WEIGHTS] = [
        stored.cut(lambda part, number: part[_WEIGHTS][number], group, like=vector)
        for group, vector in zip(groups, vectors, strict=True)
    ]
    own[_STATE]["state"] = {
        number: {key: stored.cut_state(key, group, like=vector) for key in stored.state_keys}
        for number, (group, vector) in enumerate(zip(groups, vectors, strict=True))
    }
    optimizer.load_state_dict([own] * torch.distributed.get_world_size())  # of which it takes this rank's
    optimizer.checkpoint_event_epilogue()
    return stored.beside


class _Stored:
    """What all ranks have written of one player.

    Args:
        folder: DeepSpeed's.
        num_ranks: that have written there.
    """

    def __init__(self, folder: Path, *, num_ranks: int) -> None:
        paths = [folder / f"zero_pp_rank_{rank}_mp_rank_00" for rank in range(num_ranks)]
        self._models = [load_tensors(Path(f"{path}_model_states.pt"), mapped=True) for path in paths]
        self._parts = [load_tensors(Path(f"{path}_optim_states.pt"), mapped=True)[_STATE] for path in paths]
        self._shapes = {name: shape for group in self._models[0]["param_shapes"] for name, shape in group.items()}
        lengths = [len(vector) for vector in self._parts[0][_WEIGHTS]]
        self._places = dict(_places(self._shapes, lengths, num_ranks=num_ranks))
        self._first_states: dict[str, Tensor] = self._parts[0][_STATE]["state"][0]

    @property
    def beside(self) -> Mapping[str, Any]:
        """What rank 0 has written beside the slices."""
        return self._models[0]

    @property
    def state_keys(self) -> list[str]:
        """What the optimizer keeps, e.g. `exp_avg`; none before its first step."""
        return list(self._first_states)

    def cut_state(self, key: str, group: list[tuple[str, Any]], *, like: Tensor) -> Tensor:
        """A vector of what the optimizer keeps, or the number that all parameters share."""
        shared = self._first_states[key]
        if shared.dim() == 0:
            return shared.clone()
        return self.cut(lambda part, number: part[_STATE]["state"][number][key], group, like=like)

    def cut(self, vector_of: Callable[[Any, int], Tensor], group: list[tuple[str, Any]], *, like: Tensor) -> Tensor:
        """This rank's vector of some parameters.

        Args:
            vector_of: a rank's part, and the number of one of its sub-groups, to the vector there.
            group: the parameters with their names, in the vector's order.
            like: its length, dtype and device.
        """
        whole, begin = torch.zeros_like(like), 0
        for name, parameter in group:
            number, place = self._places[name]
            length = _slice_length(self._shapes[name], len(self._parts))
            slices = [vector_of(part, number).narrow(0, place, length) for part in self._parts]
            own = _own(slices, parameter)
            whole[begin : begin + len(own)] = own
            begin += parameter.ds_tensor.ds_numel
        return whole

    def copy_frozen(self, name: str, parameter: Any) -> None:
        """This rank's slice of what does not train, which no optimizer knows."""
        own = _own([model["frozen_param_fragments"][name].flatten() for model in self._models], parameter)
        parameter.ds_tensor.data.flatten()[: len(own)] = own

    @torch.no_grad()
    def copy_buffers(self, module: nn.Module) -> None:
        """Those of rank 0, which are whole."""
        buffers = {name.replace(WRAPPER, ""): buffer for name, buffer in module.named_buffers()}
        for name in self._models[0]["buffer_names"]:
            plain = name.replace(WRAPPER, "")
            buffers[plain].copy_(self._models[0]["module"][plain])


def _places(shapes: Mapping[str, Any], lengths: list[int], *, num_ranks: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Names of parameters -> number of the sub-group, and where their slices begin in its vector."""
    number, begin = 0, 0
    for name, shape in shapes.items():
        length = _slice_length(shape, num_ranks)
        while begin + length > lengths[number]:
            number, begin = number + 1, 0
        yield name, (number, begin)
        begin += length


def _slice_length(shape: Any, num_ranks: int) -> int:
    return -(-torch.Size(shape).numel() // num_ranks)


def _own(slices: list[Tensor], parameter: Any) -> Tensor:
    """What of other slices lies in this rank's slice of a parameter, without what fills up the last one.

    Args:
        slices: of all ranks that have saved, side by side; all of one length.
    """
    length, own_length = len(slices[0]), parameter.ds_tensor.ds_numel
    start = torch.distributed.get_rank() * own_length
    stop = min(start + own_length, parameter.ds_numel)
    return torch.cat(
        [
            values[max(0, start - rank * length) : max(0, stop - rank * length)]
            for rank, values in enumerate(slices)
            if rank * length < stop and start < (rank + 1) * length
        ]
        or [slices[0][:0]]
    )

"""Reading what torch has written, without running what a stranger may have put in: tensors and plain values only.

A pickle names functions to call. torch's own reader of weights calls none but those that make tensors and containers.
DeepSpeed's files name three classes of its own as well, of which we need no object: harmless ones take their places.
"""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sharding.storage.records import RecordError, open_record

MapLocation = torch.device | str | Callable[..., Any] | None


class Slice:
    """Where a parameter lies in a flat vector, as DeepSpeed's `fragment_address`."""

    numel: int
    start: int

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or set(state) != {"numel", "start"}:
            raise pickle.UnpicklingError("a slice has a start and a length")
        if any(type(value) is not int or value < 0 for value in state.values()):
            raise pickle.UnpicklingError("a slice starts and ends at whole numbers")
        self.numel, self.start = state["numel"], state["start"]


class LossScale:
    """What stands in for DeepSpeed's `LossScaler`, whatever it held: with float32 weights it is always 1."""

    def __setstate__(self, state: Any) -> None:
        pass


_STAGES = {"disabled": 0, "optimizer_states": 1, "gradients": 2, "weights": 3}


def _stage(kind: Any, name: Any) -> int:
    """What stands in for `getattr(ZeroStageEnum, name)`, by which Pythons before 3.11.4 write a member."""
    if kind is not int or not isinstance(name, str) or name not in _STAGES:
        raise pickle.UnpicklingError("of getattr nothing but a stage of ZeRO is taken")
    return _STAGES[name]


_STAND_INS: list[Any] = [
    (_stage, "builtins.getattr"),
    (Slice, "deepspeed.utils.tensor_fragment.fragment_address"),
    (LossScale, "deepspeed.runtime.fp16.loss_scaler.LossScaler"),
    (int, "deepspeed.runtime.zero.config.ZeroStageEnum"),
]


def load_tensors(path: Path, *, map_location: MapLocation = "cpu", mapped: bool = False) -> Any:
    """The tensors, numbers and texts of a file that `torch.save` or DeepSpeed wrote.

    Args:
        mapped: into memory, on the CPU: what is not looked at is not read.

    Raises:
        RecordError: it is a link or no regular file, is missing or damaged, or asks for anything to be called.
    """
    try:
        open_record(path).close()
        with torch.serialization.safe_globals(_STAND_INS):
            return torch.load(path, map_location=map_location, weights_only=True, mmap=mapped or None)
    except FileNotFoundError:
        raise RecordError(f"{path} is missing") from None
    except RecordError as error:
        raise RecordError(f"{path} {error}") from error
    # torch's own words on what it refuses advise against safety.
    except pickle.UnpicklingError as error:
        raise RecordError(
            f"{path} is not what torch and DeepSpeed write: it holds other things than tensors, numbers and text. It "
            "was not read, because reading it could run code"
        ) from error
    except Exception as error:  # what it raises on damaged archives is no family of errors
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise RecordError(f"{path} is damaged ({first})") from error

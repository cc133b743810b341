"""How much memory tensors hold at once while something is computed: each storage counts once, until it is freed.

On the CPU nobody else knows: torch's allocator keeps no account there, and a process's memory also holds libraries.
"""

import gc
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Storages:
    """Storages that are alive, by identity, and the most bytes that they had at once."""

    def __init__(self) -> None:
        self.now = 0
        self.peak = 0
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def note(self, tensor: Tensor) -> int:
        """Count a tensor's storage until it is freed. Returns its bytes, or 0 if it was counted already."""
        if tensor.layout != torch.strided:
            return 0
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return 0
        self._known[key] = weakref.ref(storage, lambda _: self._forget(key, size))
        self.now += size
        self.peak = max(self.peak, self.now)
        return size

    def _forget(self, key: int, size: int) -> None:
        self._known.pop(key, None)
        self.now -= size


class LiveTensors(TorchDispatchMode):
    """Inside, `storages` has all tensors of the process: those that were there, and what operations make."""

    def __init__(self) -> None:
        super().__init__()
        self.storages = Storages()
        self.segments: list[list[int]] = [[]]
        """Bytes that were alive after each operation, between one `mark` and the next."""
        for tensor in _all_tensors():
            self.storages.note(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self.storages.note(leaf)
        self.segments[-1].append(self.storages.now)
        return made

    def mark(self) -> None:
        """Begin another segment: at a place that each step of the engine comes by."""
        self.segments.append([self.storages.now])


def num_bytes(tensors: Iterable[Tensor]) -> int:
    """Of their storages, each once."""
    storages = Storages()
    return sum(storages.note(tensor) for tensor in list(tensors))


def _all_tensors() -> Iterator[Tensor]:
    """All that Python knows of, and their gradients, some of which only torch knows of."""
    found = [thing for thing in gc.get_objects() if issubclass(type(thing), Tensor)]
    yield from found
    yield from (tensor.grad for tensor in found if tensor.is_leaf and tensor.grad is not None)

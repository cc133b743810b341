"""What a pass moves beside weights: running statistics of batch norm, and the vectors of spectral norm."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn


class BuffersAsNow(AbstractContextManager[None]):
    """Inside, a module has copies of its buffers as they were when this was made; outside, they are as if nothing was.

    Spectral norm goes on with its estimate in each pass: repeated from there, the weights would be others than in the
    first pass, and so the gradients. Batch norm would count each batch twice.
    """

    def __init__(self, module: nn.Module) -> None:
        self._places = [
            (part, name, buffer.clone())
            for part in module.modules()
            for name, buffer in part.named_buffers(recurse=False)
        ]
        self._outside: list[list[Tensor]] = []

    def __enter__(self) -> None:
        # Not written into: graphs of other passes hold the buffers outside. And a pass may be repeated within another.
        self._outside.append([getattr(part, name) for part, name, _ in self._places])
        for part, name, value in self._places:
            setattr(part, name, value.clone())  # once more: gradients of gradients repeat the pass twice

    def __exit__(self, *error: object) -> None:
        for (part, name, _), buffer in zip(self._places, self._outside.pop(), strict=True):
            setattr(part, name, buffer)


class BuffersOfFirst:
    """Lets several micro-batches begin with the same buffers, of which those are kept that the first has left.

    So each is what another rank would have taken, with buffers of its own; the main rank's are what a checkpoint keeps.

    Args:
        module: whose backward passes are over whenever one of these methods is called: it writes into the buffers.
    """

    def __init__(self, module: nn.Module) -> None:
        self._buffers = list(module.buffers())
        self._before = self._copies()
        self._after: list[Tensor] | None = None

    def end_one(self) -> None:
        """A micro-batch has been through; the next begins as it did."""
        if self._after is None:
            self._after = self._copies()
        self._write(self._before)

    def end_all(self) -> None:
        """All have been through."""
        if self._after is not None:
            self._write(self._after)

    def _copies(self) -> list[Tensor]:
        return [buffer.clone() for buffer in self._buffers]

    @torch.no_grad()
    def _write(self, values: list[Tensor]) -> None:
        for buffer, value in zip(self._buffers, values, strict=True):
            buffer.copy_(value)

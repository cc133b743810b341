"""The contract between the data and the methods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from trainer.data.randomness import derive_seed


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """The samples of one step on one rank. Nothing overwrites the tensors while the batch is held.

    Of a paired data set `a` and `b` belong together to the pixel; where the method learns from unpaired images they
    are of different samples; where it learns from one view they are the same tensor.
    """

    a: Tensor
    """Input view: float32 [N, C, H, W] in [-1, 1] on the world's device."""
    b: Tensor
    """Target view; its number of channels may differ."""
    label: Tensor | None = None
    """Label of each `a` (and of its `b` where they belong together): int64 [N] on the world's device."""
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    """All labels that the run reads, likewise, by their names in the data set: `data.label`, and those of the method's
    `further_labels`."""
    c: Tensor | None = None
    """A third view, aligned with both others, as images too: of methods that need one."""
    classes: Mapping[str, Tensor] = field(default_factory=dict)
    """Class numbers int64 [N, H, W] that the views of the method's `class_views` show, by "a", "b" and "c"; -1 where
    a pixel is of no class. The same view is also there as an image, in the classes' colours."""
    index: Tensor
    """Positions of the samples in the run's global order: int64 [N], always on the CPU."""
    keys: tuple[str, ...] = ()
    """Names of the samples in the data set."""
    seed: int = 0
    """Of the run: with `index` it decides the batch's noise."""
    step_start: int | None = None
    """Images that the run had seen before the step, of which other ranks have other batches; None: before this one."""

    @property
    def position(self) -> int:
        """Images that the run had seen before this batch."""
        return int(self.index[0])

    def row(self, place: int) -> "Batch":
        """One sample, as a batch of its own."""
        one = slice(place, place + 1)
        return replace(
            self,
            a=self.a[one],
            b=self.b[one],
            c=None if self.c is None else self.c[one],
            label=None if self.label is None else self.label[one],
            labels={name: values[one] for name, values in self.labels.items()},
            classes={name: values[one] for name, values in self.classes.items()},
            index=self.index[one],
            keys=self.keys[one],
        )

    @property
    def step_position(self) -> int:
        """Images that the run had seen before this step: the same on all ranks, and for all micro-batches."""
        return self.position if self.step_start is None else self.step_start

    def normal(self, stream: str, *shape: int) -> Tensor:
        """N(0, 1) noise, float32 [N, *shape] on the device: the same for a sample on any number of ranks.

        Args:
            stream: name of the use; each has noise of its own.
        """
        return self._noise(stream, lambda generator: torch.randn(shape, generator=generator))

    def uniform(self, stream: str, *shape: int) -> Tensor:
        """Noise as `normal`, in [0, 1)."""
        return self._noise(stream, lambda generator: torch.rand(shape, generator=generator))

    def _noise(self, stream: str, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        generator = torch.Generator()
        seeds = (derive_seed(self.seed, stream, position) for position in self.index.tolist())
        return torch.stack([draw(generator.manual_seed(seed)) for seed in seeds]).to(self.a.device, non_blocking=True)


class Batches(Protocol):
    """Training batches without end."""

    def __next__(self) -> Batch: ...

    def close(self) -> None:
        """Free what makes them."""
        ...

"""The contract between the data and the methods."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """The aligned pairs of one step on one rank. Nothing overwrites the tensors while the batch is held."""

    a: Tensor
    """Input view: float32 [N, C, H, W] in [-1, 1] on the world's device, channels_last."""
    b: Tensor
    """Target view, aligned with `a` to the pixel; its number of channels may differ."""
    index: Tensor
    """Positions of the samples in the run's global order: int64 [N], always on the CPU."""
    keys: tuple[str, ...] = ()
    """Names of the samples in the data set."""

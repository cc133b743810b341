"""The last step on the CPU: from pixels as DALI leaves them to what a network takes."""

from collections.abc import Sequence

import torch
from torch import Tensor


def finish(images: Tensor, *, mirrored: Sequence[int], value_range: tuple[float, float], cut: bool) -> Tensor:
    """[N, H, W, C] of any type -> float32 [N, C, H, W] in [-1, 1], channels_last.

    DALI's `flip` and `crop_mirror_normalize` do the same, but are not vectorised on the CPU: they took a third of the
    time of a batch, of which most is the decoding of JPEG, and this takes a tenth.

    Args:
        mirrored: 1 for an image that is to be mirrored left to right, else 0.
        value_range: what becomes -1 and 1.
        cut: to that range; not where no value can be beyond it.
    """
    low, high = value_range
    finished = torch.empty(images.shape, dtype=torch.float32)
    for image, out, mirror in zip(images, finished, mirrored, strict=True):  # image by image, each stays in the cache
        out.copy_(image.flip(1) if mirror else image).sub_((high + low) / 2).mul_(2 / (high - low))
        if cut:
            out.clamp_(-1, 1)
    return finished.permute(0, 3, 1, 2)

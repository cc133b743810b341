"""What images that a method makes are like, beside the data's: scalars, without waiting for the device."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.data.batch import Batch

SATURATED = 0.99
"""Values beyond it, in [-1, 1], are the end of tanh."""
_SIDE = 16
"""Of the small images that are compared: what is shown counts, not its texture."""
_FEWEST = 4
"""Images that are compared with each other; a batch of fewer is compared with those before it, too."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """Images of one pass beside those that they are to be like, float32 [N, C, H, W] in [-1, 1]."""

    name: str
    fake: Tensor
    real: Tensor
    """Of the same view."""
    given: Tensor | None
    """What the fakes were made of; None where that is no image of as many channels, or the same view."""
    is_paired: bool
    """Whether the real ones are what the fakes are to be, each by each."""


def made_images(fakes: Mapping[str, Tensor], batch: Batch, *, is_paired: bool) -> Iterator[Made]:
    """The images among what a pass has made: `fake_a` and the like are of view a, all others of view b."""
    for name, fake in fakes.items():
        real, given = (batch.a, batch.b) if name.endswith("_a") else (batch.b, batch.a)
        if fake.shape == real.shape:
            other = None if given is real or given.shape != real.shape else given
            yield Made(name=name, fake=fake, real=real, given=other, is_paired=is_paired)


@dataclass(eq=False)
class OutputStatistics:
    """Looks at images now and then, and remembers a few, so that batches of one can be compared as well."""

    _before: dict[str, deque[Tensor]] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, made: Made) -> dict[str, Tensor]:
        """Of the fakes, and with `real_` before the name of the data: `mean`, `spread` (standard deviation over all
        values), `saturated` (share of values beyond 0.99), `distance` (mean absolute difference between two images).

        Where they are made of images: `to_given`, the mean absolute difference from these, `real_to_given` likewise,
        and `like_given`, the correlation with them. Of pairs `like_real`, the correlation with what they are to be.
        """
        fake, real = made.fake.detach().float(), made.real.float()
        small, small_real = _small(fake), _small(real)
        values = _of(fake, self._distance(made.name, small))
        values |= {
            f"real_{name}": value for name, value in _of(real, self._distance(f"{made.name}/", small_real)).items()
        }
        if made.given is not None:
            given = _small(made.given.float())
            values["to_given"] = (small - given).abs().mean()
            values["real_to_given"] = (small_real - given).abs().mean()
            values["like_given"] = _correlation(small, given)
        if made.is_paired:
            values["like_real"] = _correlation(small, small_real)
        return {f"output/{made.name}/{name}": value for name, value in values.items()}

    def _distance(self, name: str, small: Tensor) -> Tensor:
        """Mean absolute difference of two of the newest images; 0 of a single one."""
        known = self._before.setdefault(name, deque(maxlen=_FEWEST))
        if known and known[0].shape != small.shape[1:]:
            known.clear()
        known.extend(small)
        flat = torch.stack(list(known)).flatten(1)
        num = len(flat)
        total = torch.cdist(flat, flat, p=1).sum() / flat.shape[1]
        return total / max(1, num * (num - 1))


def _of(images: Tensor, distance: Tensor) -> dict[str, Tensor]:
    return {
        "mean": images.mean(),
        "spread": images.std(correction=0),
        "saturated": (images.abs() > SATURATED).float().mean(),
        "distance": distance,
    }


def _small(images: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(images, _SIDE)


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    """Over all pixels and channels of all images, -1 to 1; 0 where one of them is flat."""
    one, other = one - one.mean(), other - other.mean()
    norm = one.norm() * other.norm()
    return torch.where(norm > 0, (one * other).sum() / norm.clamp(min=1e-12), torch.zeros_like(norm))

"""How near two sets of images are in the features of a fixed network: Fréchet and kernel distance, neighbourhoods."""

import torch
from torch import Tensor

from trainer.evaluation.bootstrap import Interval, kernel_interval, mean_interval
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.metrics.base import ScoredView
from trainer.evaluation.scores import SCORES
from trainer.evaluation.set_distances import (
    Neighbourhoods,
    frechet_distance,
    kernel_distances,
    neighbourhoods,
    subset_size,
)
from trainer.ranks.world import World

_AT_ONCE = 16  # images


class FeatureSets:
    """Keeps the features of both sets, some KB an image; see `trainer/evaluation/set_distances.py` for the formulas.

    Args:
        before: begins the names of the scores, which end in `/ENCODER`.
    """

    def __init__(self, encoder: Encoder, *, before: str = "") -> None:
        self.encoder = encoder
        self.before = before
        self.fakes, self.reals = Collected(encoder), Collected(encoder)
        self._compared: tuple[Tensor, Tensor] | None = None
        self._near: Neighbourhoods | None = None

    def update_fakes(self, images: Tensor) -> None:
        self.fakes.add(images)

    def update_reals(self, images: Tensor) -> None:
        self.reals.add(images)

    def merge(self, world: World) -> None:
        self.fakes.merge(world)
        self.reals.merge(world)

    def compute(self) -> dict[str, float]:
        return self._scores(self.fakes.features, self.reals.features)

    def _scores(self, fakes: Tensor, reals: Tensor, *, share: float = 1.0) -> dict[str, float]:
        """Args: share: of the images that scores are to have at least."""
        num_images = min(len(fakes), len(reals))
        scores: dict[str, float] = {}
        if num_images >= share * self._fewest("kid"):
            self._compared = fakes, reals
            kernel = kernel_distances(fakes, reals, size=subset_size(len(fakes), len(reals)))
            scores |= {"kid": kernel.mean().item(), "kid_spread": kernel.std().item()}
        if num_images >= share * self._fewest("fd"):
            self._near = near = neighbourhoods(fakes, reals)
            scores |= {"fd": frechet_distance(fakes, reals)}
            scores |= {"precision": near.precise.mean().item(), "recall": near.recalled.mean().item()}
            scores |= {"density": near.dense.mean().item(), "coverage": near.covered.mean().item()}
        return {self._name(name): value for name, value in scores.items()}

    def intervals(self) -> dict[str, Interval]:
        """Of all but the Fréchet distance, which grows where images repeat: its resamples would lie above it.

        Of neighbourhoods the images are drawn anew that a score is the mean over; the other set stays.
        """
        found = {} if self._compared is None else {"kid": kernel_interval(*self._compared)}
        if (near := self._near) is not None:
            shares = {"precision": near.precise, "recall": near.recalled, "density": near.dense}
            found |= {name: mean_interval(values) for name, values in (shares | {"coverage": near.covered}).items()}
        return {self._name(name): ends for name, ends in found.items() if ends is not None}

    def _name(self, name: str) -> str:
        return f"{self.before}{name}/{self.encoder.name}"

    def _fewest(self, name: str) -> int:
        return SCORES[self._name(name)].fewest


class RealHalves(FeatureSets):
    """One random half of the real images against the other: what images as good as real ones would have."""

    def update_fakes(self, images: Tensor) -> None:
        pass

    def compute(self) -> dict[str, float]:
        order = torch.randperm(len(self.reals.features), generator=torch.Generator().manual_seed(0))
        one, other = self.reals.features[order].chunk(2) if len(order) > 1 else (self.reals.features,) * 2
        return self._scores(one, other, share=0.5)


class Collected:
    """The features of one set, in the order of its images."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._waiting: list[Tensor] = []
        self._parts: list[Tensor] = []

    def add(self, images: Tensor) -> None:
        """Take in (N, C, H, W) in [-1, 1]; some are encoded at once."""
        self._waiting.append(images)
        if sum(map(len, self._waiting)) >= _AT_ONCE:
            self._encode()

    def _encode(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._parts += [self.encoder.pooled(torch.cat(waiting))] if waiting else []

    def merge(self, world: World) -> None:
        """Take in what the other ranks have, in their order."""
        self._encode()
        self._parts = [part for parts in world.gather(self._parts) for part in parts]

    @property
    def features(self) -> Tensor:
        """(N, D) float64."""
        self._encode()
        return torch.cat(self._parts).double() if self._parts else torch.zeros(0, 1, dtype=torch.float64)


def make(view: ScoredView, *, before: str = "") -> FeatureSets:
    """Of translations."""
    assert view.encoder is not None
    return FeatureSets(view.encoder, before=before)


def make_floor(view: ScoredView, *, before: str = "") -> FeatureSets:
    """Of real images alone."""
    assert view.encoder is not None
    return RealHalves(view.encoder, before=before)

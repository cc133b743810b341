"""How far the mean colour of all translations is from that of all targets."""

import torch
from torch import Tensor

from trainer.evaluation.metrics.base import ScoredView
from trainer.ranks.world import World


class ColorDistance:
    """Its state does not merge by sums alone: each image's colour is kept, as a metric of features keeps them."""

    def __init__(self) -> None:
        self.fakes: list[Tensor] = []
        self.reals: list[Tensor] = []

    def update_fakes(self, images: Tensor) -> None:
        self.fakes += images.double().mean(dim=(2, 3)).cpu()

    def update_reals(self, images: Tensor) -> None:
        self.reals += images.double().mean(dim=(2, 3)).cpu()

    def merge(self, world: World) -> None:
        self.fakes = [color for colors in world.gather(self.fakes) for color in colors]
        self.reals = [color for colors in world.gather(self.reals) for color in colors]

    def compute(self) -> dict[str, float]:
        if not (self.fakes and self.reals):
            return {}
        fake, real = (torch.stack(colors).mean(dim=0) for colors in (self.fakes, self.reals))
        return {"color_distance": (fake - real).norm().item()}


def make(view: ScoredView) -> ColorDistance:
    return ColorDistance()

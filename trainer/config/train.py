"""How long a run is, and in what portions it sees images."""

from dataclasses import dataclass
from typing import Annotated

from trainer.config.bounds import AtLeast, AtLeastOne, MoreThan, NumberOrOff
from trainer.config.section import Section


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Section):
    """How long, in what portions."""

    total_kimg: Annotated[float, MoreThan(0, "use a positive number.")] = 12.0
    """Length of the run in thousands of training images (pairs), whatever the number of ranks."""
    batch_size_per_gpu: AtLeastOne = 4
    """Images of one micro-batch on one rank."""
    seed: Annotated[int, AtLeast(0, "use 0 to 4294967295.", below=2**32)] = 0
    """Decides initial weights, the order of samples, crops and dropout."""
    ema_half_life_kimg: NumberOrOff = 0.5
    """Half-life of the moving average of the generator's weights, which evaluation uses; 0 is off."""
    patience_kimg: NumberOrOff = 0.0
    """Training ends early, saved and scored as at its end, when the score of `checkpoint.keep_best` has not improved
    for so many thousands of images; 0 is off."""

    frozen: tuple[str, ...] = ()
    """Networks, or parts of them, that do not train, e.g. `generator.encoder`: for a run that begins with another's
    weights (`--from`). A name that there is not is answered with those that there are."""

    @property
    def total_images(self) -> int:
        """`total_kimg` as a number of images: the position at which a run ends."""
        return max(1, round(1000 * self.total_kimg))

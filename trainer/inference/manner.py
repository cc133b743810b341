"""In what manner `diptych translate` treats pictures: whole or by tiles, once or to see how sure it is. No torch."""

from dataclasses import dataclass
from typing import Literal

from trainer.config.errors import ConfigError
from trainer.inference.tiles.grid import Tiling

Uncertainty = Literal["none", "flips", "dropout", "seeds"]
FLIPS = "flips"


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How pictures are translated."""

    tiling: Tiling | None = None
    """None: whole."""
    uncertainty: Uncertainty = "none"
    num_passes: int = 1
    """Of each picture, whose mean and spread are written, where `uncertainty` is not none."""

    @property
    def is_plain(self) -> bool:
        """Whether a picture goes through the network once and whole."""
        return self.tiling is None and self.uncertainty == "none"

    def num_drawn(self, num: int) -> int:
        """Of how many translations of a picture each is to be another, by chance; `num` is that of its variations."""
        return 1 if self.uncertainty == FLIPS else max(num, self.num_passes)


PLAIN = Manner()


def parse_manner(*, tile: int | None, overlap: int, uncertainty: Uncertainty, num: int) -> Manner:
    """Raises ConfigError for what does not fit together."""
    if uncertainty == FLIPS and num not in (2, 4):
        raise ConfigError("num", num, "of uncertainty = 'flips' is 2 (left and right) or 4 (top and bottom as well).")
    if uncertainty != "none" and num < 2:
        raise ConfigError("num", num, f"is the number of passes of uncertainty = {uncertainty!r}; use 2 or more.")
    return Manner(
        tiling=None if tile is None else Tiling(side=tile, overlap=overlap),
        uncertainty=uncertainty,
        num_passes=1 if uncertainty == "none" else num,
    )

"""What of training goes on when trained networks are used: dropout, and statistics of the batch. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

Switch = Literal["auto", "on", "off"]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How trained networks are used. What none of them has is refused."""

    dropout: Switch = "auto"
    """Whether dropout drops, after seed and sample; `auto`: as the method's paper has it at test time, on with pix2pix
    and DualGAN, whose noise it is."""
    batch_statistics: Switch = "auto"
    """Whether batch norms take the statistics of what they are given: one picture, so that they are instance norms; 64
    at most where pictures are drawn or labels scored. `off`: those of training. `auto`: on with pix2pix and DualGAN."""

    def drops(self, *, of_method: bool) -> bool:
        """Whether dropout drops, where the method itself says `of_method`."""
        return _is_on(self.dropout, of_method)

    def takes_batch_statistics(self, *, of_method: bool) -> bool:
        """Whether batch norms use what they are given, likewise."""
        return _is_on(self.batch_statistics, of_method)

    def variant(self, *, of_method: bool) -> str:
        """What is other than the method has it, e.g. `dropout on`; empty where nothing is."""
        switches: dict[str, Switch] = {"dropout": self.dropout, "batch statistics": self.batch_statistics}
        return ", ".join(f"{name} {value}" for name, value in switches.items() if _is_on(value, of_method) != of_method)


AS_THE_METHOD = Usage()


def _is_on(switch: Switch, of_method: bool) -> bool:
    return of_method if switch == "auto" else switch == "on"

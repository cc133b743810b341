"""How far a run is: what of it a resumed run must know beside its networks."""

from dataclasses import dataclass
from typing import Annotated

from sharding.storage.count import Count
from sharding.storage.typed import NO_OTHERS, Limits


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The score by which the best checkpoint is chosen, after an evaluation. Positions are in images."""

    __pydantic_config__ = NO_OTHERS

    score: str
    """Its key, e.g. `eval/psnr`."""
    position: Count
    """Of the evaluation."""
    value: Annotated[float, Limits(allow_inf_nan=False)] | None
    """The best so far; None if none was a finite number."""
    since: Count
    """Where the best was reached; the first evaluation if none was a finite number."""

    @property
    def best(self) -> int | None:
        """Position of the checkpoint that is kept as the best."""
        return None if self.value is None else self.since

    @property
    def is_best(self) -> bool:
        """Whether the last evaluation is the best so far."""
        return self.best == self.position

    @property
    def images_without_gain(self) -> int:
        """Images seen from the best to the last evaluation."""
        return self.position - self.since


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the whole job is."""

    position: int = 0
    """Images that it has seen."""
    step: int = 0
    """Optimizer steps that it has made: players with a period count them."""
    standing: Standing | None = None
    """Of the score by which the best checkpoint is chosen; None before the first, and if there is none."""

    @property
    def best(self) -> int | None:
        """Position of the checkpoint that is kept as the best."""
        return None if self.standing is None else self.standing.best

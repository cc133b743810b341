"""The options of `diptych plan`: those of a new run, and what is to be planned for."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from launch.run_options import TrainOptions
from trainer.config.bounds import AtLeast, AtLeastOne, MoreThan


@dataclass(frozen=True, kw_only=True)
class PlanOptions(TrainOptions):
    """What a run would take."""

    ranks: Annotated[int | None, AtLeast(1, "use 1 or more.")] = None
    """Ranks in all, also more than this machine has; unless given, as many as `diptych train` would start here."""
    memory_gib: Annotated[float | None, MoreThan(0, "use a positive number.")] = None
    """GiB that a rank may take; unless given, what its GPU has, or its share of what this machine has free."""
    steps: AtLeastOne = 10
    """Optimizer steps that are timed."""
    channels: AtLeastOne = 3
    """Of each view, where the data set is not there."""
    values: AtLeastOne = 10
    """That each label of the run can have, where the data set is not there."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print it for programs: bytes, seconds, floating-point operations."""

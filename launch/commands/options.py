"""What `diptych train` and `diptych launch` take."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from trainer.runs.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """A new run, as a preset with changes."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    name: str | None = None
    """Of the run's folder; the preset's name, numbered if that is taken, if not given."""
    runs: Path = Path("runs")
    """Folder of all runs."""
    num_procs: int = 0
    """Ranks on this machine; 0 is one for each GPU, or one on the CPU."""


@dataclass(frozen=True, kw_only=True)
class ResumeOptions:
    """Continue a run from its newest complete checkpoint, with the configuration that it was started with."""

    resume: Path
    """Folder of the run, e.g. runs/NAME."""
    num_procs: int = 0
    """Ranks on this machine; 0 is one for each GPU, or one on the CPU."""

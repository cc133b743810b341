"""The options of a new run: a preset with changes, read before anything else is loaded."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from launch.arguments import parse_on_preset, split_preset
from launch.hosts.options import Machines
from trainer.config.errors import require
from trainer.runs.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """A new run, as a preset with changes."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    name: str | None = None
    """Of the run's folder; the preset's name, numbered if that is taken, if not given."""
    runs: Path = Path("runs")
    """Folder of all runs."""
    machines: Annotated[Machines, tyro.conf.arg(name="")] = field(default_factory=Machines)
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Begin with the weights of another run, or of one of its checkpoints: those whose names and shapes fit."""


def parse_train(argv: list[str], *, prog: str, after: str = "") -> tuple[str, TrainOptions]:
    """The preset, which may come first, and the options that change it. Raises as `parse_on_preset`."""
    options = parse_on_preset(argv, begin=lambda config: TrainOptions(config=config), prog=prog, after=after)
    wanted = options.config.evaluate
    remedy = "judges the watched split each evaluate.period_kimg, which is 0: set that to more."
    require(wanted.fcn is None or wanted.period_kimg > 0, "evaluate.fcn", str(wanted.fcn), remedy)
    options.config.data.share_cache()
    return split_preset(argv)[0], options

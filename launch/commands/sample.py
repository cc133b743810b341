"""`diptych sample RUN`: draw new pictures: from noise, of a label, between two pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from launch.machine.devices import Device, choose_device
from sharding.console import counted, make_console
from trainer.checkpoints.given import require_given
from trainer.config.data import DataPlace
from trainer.config.errors import ConfigError
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

_MOST = 1_000_000  # pictures, whose names are listed


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """Draw new pictures with a trained run: from noise, of a label, or between two pictures."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    destination: Annotated[Path, tyro.conf.arg(name="out")]
    """Folder to write 0000.png ... and grid.png to, or 0000-a.png and 0000-b.png of a method that draws pairs; new or
    empty."""
    num: int = 64
    """Pictures to draw, or pairs of them; grid.png shows the first 1024."""
    label: str | None = None
    """Name of the label that all show; all labels in turn if not given."""
    between: tuple[Path, Path] | None = None
    """Two pictures: go from the first to the second in equal steps of their codes."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best (see checkpoint.keep-best of `diptych train`); the newest if not given."""
    data_path: Annotated[DataPlace | None, tyro.conf.arg(name="data.path")] = None
    """Where the run's data set lies now, if it was moved."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""
    seed: int = 0
    """Another seed draws other pictures."""
    usage: Annotated[Usage, tyro.conf.arg(name="")] = AS_THE_METHOD

    def __post_init__(self) -> None:
        if self.num < (1 if self.between is None else 2):
            raise ConfigError("num", self.num, "use 1 or more, and 2 or more with --between.")
        if self.num > _MOST:
            raise ConfigError("num", self.num, f"use {_MOST} or fewer; draw more with another --seed.")


def main(argv: list[str]) -> int:
    """Draw pictures. Returns the exit status. Raises as `sample`."""
    return sample(tyro.cli(SampleOptions, args=argv, prog="diptych sample"))


def sample(options: SampleOptions) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    opened = open_run(RunDir(options.run), data_path=options.data_path, needs_data=False)
    require_given(options.checkpoint, checkpoints=opened.run.checkpoints)
    from trainer.inference.draw import draw_pictures

    console = make_console()
    try:
        files = draw_pictures(
            opened,
            destination=options.destination,
            num=options.num,
            label=options.label,
            between=options.between,
            seed=options.seed,
            device=choose_device(options.device),
            checkpoint=options.checkpoint,
            usage=options.usage,
        )
    except OSError as error:
        console.error(f"could not write to {options.destination}: {error.strerror or error}")
        return 1
    console.print(f"{counted(len(files), 'picture')} and grid.png in {options.destination}")
    return 0

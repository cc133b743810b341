"""`diptych compare RUN RUN ...`: several runs side by side on one page: pictures, scores, cost, configuration."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from launch.machine.devices import Device, choose_device
from sharding.console import counted, make_console
from trainer.config.errors import ConfigError
from trainer.reports.names import name_runs
from trainer.runs.rundir import RunDir

if TYPE_CHECKING:
    from PIL import Image

_MOST_RUNS, _MOST_PICTURES = 12, 24
_SIDE = 384


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Set several runs side by side on one page, complete in itself: pictures, scores, cost, what sets them apart."""

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN ...")]
    """Folders of 2 to 12 runs."""
    out: Path = Path("compare.html")
    """The page to write; one that is there is replaced."""
    source: Annotated[Path | None, tyro.conf.arg(name="in")] = None
    """Pictures that each run's newest checkpoint translates: a folder, or one. Without: the runs' newest samples."""
    num: int = 8
    """Pictures of it that are shown, evenly spaced: 24 at most. Larger than 384 pixels they are reduced before."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""

    def __post_init__(self) -> None:
        if not 2 <= len(self.runs) <= _MOST_RUNS:
            raise ConfigError("runs", len(self.runs), f"are given; use 2 to {_MOST_RUNS}.")
        if not 1 <= self.num <= _MOST_PICTURES:
            raise ConfigError("num", self.num, f"use 1 to {_MOST_PICTURES}.")
        if self.out.is_dir():
            raise ConfigError("out", str(self.out), "is a folder; give a file, e.g. compare.html.")


def main(argv: list[str]) -> int:
    """Write the page. Returns the exit status. Raises ConfigError with a message for the user."""
    options = tyro.cli(CompareOptions, args=argv, prog="diptych compare")
    runs = [RunDir(path) for path in options.runs]
    names = name_runs(runs)
    for run in runs:
        run.config()
    from trainer.reports.compare import open_compared, write_comparison  # not for who is told of a mistake
    from trainer.reports.pictures import encoded

    inputs, made, notes = _translations(runs, options) if options.source is not None else ([], None, [])
    compared = [
        open_compared(name, run, None if made is None else made[number])
        for number, (name, run) in enumerate(zip(names, runs, strict=True))
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    pictures = [encoded(each, position=0) for each in inputs]
    write_comparison(options.out, compared, inputs=pictures, notes=notes)
    make_console().print(f"{counted(len(runs), 'run')}: {options.out}", markup=False)
    return 0


def _translations(
    runs: Sequence[RunDir], options: CompareOptions
) -> tuple[list["Image.Image"], list[list["Image.Image"]], list[str]]:
    """Inputs as the first run sees them, what each run makes of them, and notes of those that a run cannot read."""
    from trainer.inference.finding import find_pictures
    from trainer.inference.side_by_side import translated
    from trainer.runs.opened import open_run

    assert options.source is not None
    files = find_pictures(options.source)
    last = min(options.num, len(files)) - 1
    chosen = [files[place * (len(files) - 1) // max(1, last)] for place in range(last + 1)]
    device = choose_device(options.device)
    results = [translated(open_run(run, needs_data=False), chosen, device=device, side=_SIDE) for run in runs]
    failed = {file: reason for _, reasons in results for file, reason in reasons.items()}
    shown = [file for file in chosen if file not in failed]
    if not shown:
        raise ConfigError("in", str(options.source), f"holds no picture that all runs can read: {failed[chosen[0]]}.")
    inputs = [results[0][0][file][0] for file in shown]
    made = [[pictures[file][1] for file in shown] for pictures, _ in results]
    return inputs, made, [f"{file.name} {reason}." for file, reason in failed.items()]

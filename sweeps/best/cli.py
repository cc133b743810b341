"""`diptych sweep best SWEEP`: the best configurations as presets; with --seeds, trained again and scored on test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sharding.console import command_line, counted, make_console
from sweeps.best.finals import run_finals
from sweeps.plan import Sweep, SweepDir
from sweeps.records import read_records
from sweeps.rows import TrialRow, rows_on_record, winners
from sweeps.spaces.overrides import apply
from sweeps.table import show_overrides, show_scores
from sweeps.trials import full_overrides, length_note
from trainer.config.bounds import AtLeast
from trainer.config.errors import ConfigError
from trainer.config.section import check_bounds
from trainer.presets import load_preset
from trainer.runs.preset_file import write_preset_file

_console = make_console()


@dataclass(frozen=True, kw_only=True)
class BestOptions:
    """Write the best configuration of a sweep as a preset, SWEEP/best.json, that `diptych train` and `launch` take.

    Of a sweep by two scores: each that no other beats, as best.json, best-2.json and so on.
    """

    sweep: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SWEEP")]
    """Folder of the sweep, e.g. sweep-runs/NAME."""
    top: Annotated[int, AtLeast(0, "use 1 or more; 0 is the best.")] = 0
    """So many of the best, in the order of the report."""
    seeds: Annotated[int, AtLeast(0, "use 0 (train nothing) or more.")] = 0
    """Train each as small as the trials with so many seeds, and the preset's own configuration beside them; score all
    on the test split, which the search has not seen. The same command continues what was stopped."""
    num_procs: int = 0
    """Ranks on this machine for --seeds; 0 is one for each GPU, or one on the CPU."""

    def __post_init__(self) -> None:
        check_bounds(self)


def best_command(argv: list[str]) -> int:
    """Returns the exit status.

    Raises:
        ConfigError: the folder is no sweep, or no trial has a score yet.
    """
    options = tyro.cli(BestOptions, args=argv, prog="diptych sweep best")
    folder = SweepDir(options.sweep.absolute())
    sweep = folder.sweep()
    rows = rows_on_record(read_records(folder, sweep), sweep)
    best = _choose(rows, sweep, options)
    num_open = sum(row.is_open for row in rows)
    if num_open:
        _console.print(f"{counted(num_open, 'trial has', 'trials have')} not ended: the best so far.")
    for place, row in enumerate(best, start=1):
        _write(folder, sweep, row, place, shown=options.sweep)
    if length_note(sweep):
        _console.print(length_note(sweep))
    return run_finals(folder, sweep, best, seeds=options.seeds, num_procs=options.num_procs) if options.seeds else 0


def _choose(rows: list[TrialRow], sweep: Sweep, options: BestOptions) -> list[TrialRow]:
    found = [row for row in rows if row.is_valid and row.score is not None][: options.top]
    found = found if options.top else winners(rows, sweep)
    if not found:
        raise ConfigError("sweep", str(options.sweep), "has no trial with a score yet; continue it with --resume.")
    return found


def _write(folder: SweepDir, sweep: Sweep, row: TrialRow, place: int, *, shown: Path) -> None:
    """Write a trial's preset, and print how it is trained."""
    about = (
        f"Trial {row.trial} of the sweep {folder.path.name} over {sweep.preset}: "
        f"{show_overrides(row.overrides, sweep)}; {' · '.join(show_scores(row, sweep))} on the validation split, "
        f"as small as trials are, after {row.position / 1000:.4g} kimg."
    )
    path = folder.path / ("best.json" if place == 1 else f"best-{place}.json")
    write_preset_file(path, apply(load_preset(sweep.preset), full_overrides(sweep, row.overrides)), about=about)
    file = shown / path.name
    _console.print(about)
    _console.print(f"  in full: {command_line('diptych', 'train', file)}")
    _console.print(f"  or:      {command_line('make', 'launch', f'PRESET={file}')}")

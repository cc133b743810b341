"""What became of the files of one call of `diptych translate`, and how far it is."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sharding.console import PlainConsole


@dataclass(frozen=True, kw_only=True)
class TranslationResult:
    """What became of the files of one call."""

    position: int
    """Images that the network had been trained on."""
    written: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    """Pictures that could not be read, or are too large for the memory: the reason for each."""
    others: tuple[Path, ...] = ()
    """Files that are no pictures by their names."""
    cut: dict[Path, float] = field(default_factory=dict)
    """Pictures with values beyond the range that the run was trained on: how many of 1, which were cut."""
    hidden: tuple[Path, ...] = ()
    """Hidden files and folders, which were passed over."""
    kept: list[Path] = field(default_factory=list)
    """Pictures whose results an earlier call had made."""


def progress_bar(console: PlainConsole) -> Progress:
    """A bar with the number of pictures and the time left, on a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pictures", markup=False),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_live,
    )

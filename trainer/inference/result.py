"""What became of the files of one call of `diptych translate`, and how far it is."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from sharding.console import PlainConsole
from trainer.inference.events import Done, Event, Failed, Translated, Written
from trainer.inference.journal import Journal


@dataclass(kw_only=True)
class TranslationResult:
    """What became of the files of one call. A source is a file, or a sample of a shard."""

    position: int
    """Images that the network had been trained on."""
    written: list[Path] = field(default_factory=list)
    failed: dict[Any, str] = field(default_factory=dict)
    """Sources that could not be read, or are too large for the memory: the reason for each."""
    others: tuple[Path, ...] = ()
    """Files that are no pictures by their names."""
    cut: dict[Any, float] = field(default_factory=dict)
    """Sources with values beyond the range that the run was trained on: how many of 1, which were cut."""
    notes: dict[Any, str] = field(default_factory=dict)
    """Sources of which something else was lost: what, and why."""
    hidden: tuple[Path, ...] = ()
    """Hidden files and folders, which were passed over."""
    kept: list[Any] = field(default_factory=list)
    """Sources whose results an earlier call had made."""
    pixels: int = 0
    """Of all that was made."""
    seconds: float = 0.0
    """That translating took, without the start."""


class Ledger:
    """Hears of files, wherever they are translated, and notes it once: result, journal, progress."""

    def __init__(self, result: TranslationResult, *, journal: Journal | None, progress: Progress, total: int) -> None:
        self._result, self._journal, self._progress = result, journal, progress
        self._bar = progress.add_task("translating", total=total)
        self._began = time.monotonic()

    def take(self, event: Event) -> None:
        """Note one event. Raises OSError if the journal cannot be written."""
        result = self._result
        match event:
            case Written(targets=targets):
                result.written.append(targets[0])
                if self._journal is not None:
                    self._journal.add(targets, position=result.position)
            case Failed(source=source, reason=reason):
                result.failed[source] = reason
            case Translated(source=source):
                result.pixels += event.pixels
                if event.beyond:
                    result.cut[source] = event.beyond
                if event.note:
                    result.notes[source] = event.note
            case Done():
                self._progress.advance(self._bar)
        result.seconds = time.monotonic() - self._began


class _Speed(ProgressColumn):
    """Pictures a second, of late."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} a second")


def progress_bar(console: PlainConsole) -> Progress:
    """A bar with the number of pictures, how many a second, and the time left, on a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pictures", markup=False),
        _Speed(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_live,
    )

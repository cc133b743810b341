"""`diptych study report`: what participants said, as the papers print it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from sharding.console import PlainConsole, make_console
from sharding.storage.files import write_atomically
from trainer.config.errors import ConfigError
from trainer.study.design import read_design
from trainer.study.statistics.resamples import NUM_RESAMPLES, SEED

if TYPE_CHECKING:
    from trainer.study.report.contents import Contents


@dataclass(frozen=True, kw_only=True)
class Options:
    """Report what participants said: how often each method was taken for real, or how it was graded or preferred."""

    study: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="STUDY")]
    """Folder of the study. report.json, report.md and report.html are written there."""
    html: Path | None = None
    """Another place for the page."""
    num_resamples: int = NUM_RESAMPLES
    """Bootstrap resamples, of which errors and intervals are made."""
    seed: int = SEED
    """Of the bootstrap."""

    def check(self) -> None:
        """Raise ConfigError; not as they are made, where tyro would tell the error in words of its own."""
        if self.num_resamples < 100:
            raise ConfigError("num_resamples", self.num_resamples, "use 100 or more; 10000 are usual.")
        if self.seed < 0:
            raise ConfigError("seed", self.seed, "use 0 or more.")
        if self.html is not None and not self.html.parent.is_dir():
            raise ConfigError("html", str(self.html), "its folder does not exist; make it first.")


def main(options: Options) -> int:
    """Print and write the report. Returns the exit status. Raises ConfigError with a message for the user."""
    options.check()
    design = read_design(options.study)
    from trainer.reports.study_page import render_study  # what computes is not for who is told of a mistake
    from trainer.study.report.contents import make_contents
    from trainer.study.report.files import HTML, write_files
    from trainer.study.store import read_answers

    answers = read_answers(options.study)
    contents = make_contents(design, answers, num_resamples=options.num_resamples, seed=options.seed)
    console, page = make_console(), options.html or options.study / HTML
    try:
        write_files(options.study, contents)
        write_atomically(page, render_study(contents, options.study).encode())
    except OSError as error:
        console.error(f"could not write to {error.filename or page}: {error.strerror or error}")
        return 1
    _show(console, contents)
    console.print(f"report: {page}")
    return 0


def _show(console: PlainConsole, contents: "Contents") -> None:
    from trainer.study.report.tables import make_tables, summary

    for line in summary(contents):
        console.print(line)
    for note in contents.notes:
        console.print(f"note: {note}")
    for table in make_tables(contents):
        shown = RichTable(title=Text(table.title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for place, column in enumerate(table.columns):
            shown.add_column(Text(column), justify="right" if place else "left", no_wrap=not place, overflow="fold")
        for row in table.rows:
            shown.add_row(*map(Text, row))
        console.print(shown)
        if table.caption:
            console.print(table.caption)

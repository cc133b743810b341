"""`diptych table realness STUDY...` and `perceptual`: what people said in the papers' studies, and in ours."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table as RichTable
from rich.text import Text

from sharding.console import counted, make_console, markdown_table, markdown_text
from sharding.storage.files import write_atomically
from sweeps.tables.show import WIDTH
from trainer.config.errors import ConfigError
from trainer.study.answers import TRUTH, Protocol


@dataclass(frozen=True, kw_only=True)
class StudyTable:
    """A comparison that people judged."""

    title: str
    source: str
    protocol: Protocol
    """Of studies that may stand beside it."""
    unit: str
    tasks: Sequence[str]
    rows: Mapping[str, Sequence[str]]
    """Method -> the papers' figure for each task; empty where there is none."""


STUDY_TABLES: Mapping[str, StudyTable] = {
    "realness": StudyTable(
        title="Realness",
        source="Yi et al. 2017, the survey's figures",
        protocol="realness",
        unit="mean grade from 0, missing, to 4, compelling",
        tasks=("sketch -> photo", "day -> night", "label -> facades", "maps -> aerial"),
        rows={
            "DualGAN": ("1.78", "2.37", "1.90", "2.55"),
            "cGAN": ("1.64", "1.93", "2.65", "2.91"),
            "GAN": ("1.07", "0.14", "1.40", "1.89"),
            TRUTH: ("3.61", "3.02", "3.34", "3.17"),
        },
    ),
    "perceptual": StudyTable(
        title="Taken for real",
        source="Isola et al. 2017 and Zhu et al. 2017, on Amazon Mechanical Turk",
        protocol="real-or-fake",
        unit="generated images labelled real, % ± standard error",
        tasks=("photo -> map", "map -> photo"),
        rows={
            "L1": ("2.8 ± 1.0", "0.8 ± 0.3"),
            "L1+cGAN": ("6.1 ± 1.3", "18.9 ± 2.5"),
            "CycleGAN": ("23.2 ± 3.4", "26.8 ± 2.8"),
        },
    ),
}
"""Name -> table."""


@dataclass(frozen=True, kw_only=True)
class StudyTableOptions:
    """Print what people said in the papers' studies, and in ours. A method has one row if it is called the same."""

    table: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TABLE")]
    """One of the tables."""
    studies: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="STUDY")] = ()
    """Folders of `diptych study create`; each has a column."""
    out: Path | None = None
    """File for the table, in Markdown."""


def study_table_command(argv: list[str]) -> int:
    """Returns the exit status. Raises ConfigError with a message for the user."""
    about = f"Tables: {', '.join(STUDY_TABLES)}."
    options = tyro.cli(StudyTableOptions, args=argv, prog="diptych table", description=about)
    table = STUDY_TABLES[options.table]
    if not options.studies:
        raise ConfigError("studies", None, f"{options.table} stands beside yours: name folders of `diptych study`.")
    if options.out is not None and not options.out.parent.is_dir():
        raise ConfigError("out", str(options.out), "its folder does not exist; make it first.")
    header = ["", *(f"paper: {task}" for task in table.tasks), *(f"here: {study}" for study in options.studies)]
    rows = _rows(table, [_found(study, table) for study in options.studies])
    _show(table, header, rows)
    if options.out is not None:
        write_atomically(options.out, _markdown(table, header, rows).encode())
        make_console().print(f"written to {options.out}")
    return 0


def _found(study: Path, table: StudyTable) -> dict[str, str]:
    """Method -> its mean and standard error, of those that have been judged."""
    from trainer.study.design import read_design
    from trainer.study.report.contents import make_contents
    from trainer.study.report.tables import name_of, scale_of
    from trainer.study.store import read_answers

    design = read_design(study)
    if design.protocol != table.protocol:
        what = f"asks by the protocol {design.protocol}, and this table is of {table.protocol} alone."
        raise ConfigError("studies", str(study), what)
    contents = make_contents(design, read_answers(study))
    scale = scale_of(contents)
    cells = dict.fromkeys(design.contestants, "-")
    for found in contents.estimates:
        people = counted(found.num_participants, "person", "people")
        cells[name_of(found)] = f"{scale.mean(found)} ({people})"
    return cells


def _rows(table: StudyTable, studies: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """The papers' methods, then those that they have not; the truth is last."""
    names = {_plain(name): name for study in studies for name in study} | {_plain(name): name for name in table.rows}
    keys = dict.fromkeys([*(_plain(name) for name in table.rows), *names])
    rows = []
    for key in sorted(keys, key=lambda key: key == TRUTH):
        paper = next((cells for name, cells in table.rows.items() if _plain(name) == key), ["-"] * len(table.tasks))
        ours = [next((cell for name, cell in study.items() if _plain(name) == key), "-") for study in studies]
        rows.append([names[key], *paper, *ours])
    return rows


def _plain(name: str) -> str:
    """What names of one method have in common: letters and digits."""
    return re.sub(r"[\W_]", "", name).lower()


def _show(table: StudyTable, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    shown = RichTable(title=Text(_caption(table)), title_justify="left")
    for place, name in enumerate(header):
        shown.add_column(Text(name), justify="right" if place else "left", overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    make_console(width=max(make_console().width, WIDTH), soft_wrap=False).print(shown)


def _caption(table: StudyTable) -> str:
    return f"{table.title}: {table.unit} (the papers' figures: {table.source})"


def _markdown(table: StudyTable, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = "\n".join(markdown_table(header, rows))
    return f"# {table.title}\n\n{markdown_text(_caption(table))}.\n\n{lines}\n"

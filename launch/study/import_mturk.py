"""`diptych study import-mturk`: answers from Amazon Mechanical Turk into a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sharding.console import counted, make_console
from trainer.config.errors import ConfigError
from trainer.study.design import read_design
from trainer.study.mturk.export import plan_hits
from trainer.study.mturk.layout import Layout, layout_of
from trainer.study.mturk.published import read_published
from trainer.study.mturk.requester import Place, RefusedError, fetch, open_requester
from trainer.study.mturk.results import read_results, read_rows
from trainer.study.store import add_answers, read_answers


@dataclass(frozen=True, kw_only=True)
class Options:
    """Take answers from Mechanical Turk. All of them are checked first, and none is taken twice."""

    study: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="STUDY")]
    """Folder of the study of which the HITs were made."""
    csv: Path | None = None
    """A file of results, as MTurk's website gives it."""
    published: Place | None = None
    """Fetch what workers have answered to the HITs that `diptych study publish` put there."""

    def check(self) -> None:
        """Raise ConfigError; not as they are made, where tyro would tell the error in words of its own."""
        if (self.csv is None) == (self.published is None):
            raise ConfigError("csv", self.csv, "give either a file of results, --csv, or --published.")


def main(options: Options) -> int:
    """Take the answers. Returns the exit status. Raises ConfigError with a message for the user."""
    options.check()
    layout, console = layout_of(read_design(options.study)), make_console()
    try:
        rows = _fetched(options, layout) if options.csv is None else read_rows(options.csv)
    except RefusedError as error:
        console.error(f"MTurk: {error}")
        return 1
    if not rows:
        console.print("No worker has answered yet.")
        return 0
    results = read_results(layout, rows, known=read_answers(options.study))
    new = add_answers(options.study, results.answers)
    for line in results.left_out:
        console.print(f"left out: {line}")
    people = len({answer.participant for answer in results.answers})
    known = "" if new == len(results.answers) else f", of which {len(results.answers) - new} were there already"
    console.print(f"{counted(people, 'worker')}, {counted(len(results.answers), 'answer')}{known}.")
    return 0


def _fetched(options: Options, layout: Layout) -> list[dict[str, str]]:
    assert options.published is not None
    hits = read_published(options.study).hits(options.published)
    if not hits:
        raise ConfigError("published", options.published, f"no HITs of {options.study} were published there.")
    rows = plan_hits(layout, num_hits=max(hits) + 1)
    return fetch(open_requester(options.published), hits, dict(enumerate(rows)))

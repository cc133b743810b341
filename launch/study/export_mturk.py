"""`diptych study export-mturk`: HITs for Amazon Mechanical Turk, in the format of the papers' tool."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sharding.console import counted, make_console
from sharding.storage.files import write_atomically
from trainer.config.errors import ConfigError, require
from trainer.study.design import read_design
from trainer.study.mturk.export import copy_images, plan_hits, write_hits
from trainer.study.mturk.layout import layout_of
from trainer.study.mturk.page import check_url, render_hit, template_row


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write what a batch of Mechanical Turk is made of: a CSV file, the page of its HITs, and a folder of images."""

    study: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="STUDY")]
    """Folder of a study, whose protocol is real-or-fake."""
    csv: Path
    """File of HITs to write, one a row. The page is written beside it, as NAME.html, and the folder NAME-images, which
    is to be put on the web."""
    images_url: str
    """Where the folder of images will be: https://..."""
    num_hits: int = 50
    """HITs, each for one worker and with images of one method, in turn."""

    def check(self) -> None:
        """Raise ConfigError; not as they are made, where tyro would tell the error in words of its own."""
        require(self.num_hits >= 1, "num_hits", self.num_hits, "use 1 or more.")
        check_url(self.images_url)


def main(options: Options) -> int:
    """Write the three. Returns the exit status. Raises ConfigError with a message for the user."""
    options.check()
    design = read_design(options.study)
    layout = layout_of(design)
    if not options.csv.parent.is_dir():
        raise ConfigError("csv", str(options.csv), "its folder does not exist; make it first.")
    page, images = options.csv.with_suffix(".html"), options.csv.with_name(f"{options.csv.stem}-images")
    if page == options.csv:
        raise ConfigError("csv", str(options.csv), "give it a name that ends with .csv.")
    rows = plan_hits(layout, num_hits=options.num_hits)
    console = make_console()
    text = render_hit(design, template_row(design.num_trials), images_url=options.images_url, is_live=True)
    try:
        number = copy_images(options.study, layout, images)
        write_atomically(page, text.encode())
        write_hits(options.csv, rows)
    except OSError as error:
        console.error(f"could not write to {options.csv.parent}: {error.strerror or error}")
        return 1
    console.print(f"{options.csv}: {counted(len(rows), 'HIT')} of {counted(design.num_trials, 'trial')}")
    console.print(f"{page}: their page")
    console.print(f"{images}: {counted(number, 'image')}, to be put at {options.images_url}")
    return 0

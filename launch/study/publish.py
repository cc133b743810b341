"""`diptych study publish`: HITs of a study on Amazon Mechanical Turk, in its sandbox unless told otherwise."""

import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from sharding.console import PlainConsole, counted, make_console
from trainer.config.errors import ConfigError, require
from trainer.study.design import read_design
from trainer.study.mturk.export import Row, plan_hits
from trainer.study.mturk.layout import layout_of
from trainer.study.mturk.page import check_url, render_hit
from trainer.study.mturk.published import read_published, write_published
from trainer.study.mturk.requester import (
    Place,
    RefusedError,
    Terms,
    balance_of,
    cost,
    open_requester,
    publish,
    question_of,
)

_PATIENCE_S = 20


@dataclass(frozen=True, kw_only=True)
class Options:
    """Publish HITs, with keys of a requester's account in the environment. What they cost is said and asked first.

    Continues where it was stopped, and publishes nothing twice. `diptych study import-mturk --published` fetches the
    answers.
    """

    study: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="STUDY")]
    """Folder of a study, whose protocol is real-or-fake."""
    images_url: str
    """Where the folder of images is that `export-mturk` wrote: https://..."""
    num_hits: int = 50
    """HITs in all, each for one worker."""
    reward: float = 1.0
    """Dollars for a HIT, to which Amazon adds a fifth."""
    minutes: int = 60
    """In which a HIT is to be done."""
    days: int = 7
    """For which HITs are offered."""
    live: tyro.conf.FlagCreatePairsOff[bool] = False
    """Publish where workers are, for money; else in the sandbox."""
    yes: tyro.conf.FlagCreatePairsOff[bool] = False
    """Publish without being asked."""

    def check(self) -> None:
        """Raise ConfigError; not as they are made, where tyro would tell the error in words of its own."""
        for name in ("num_hits", "minutes", "days"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "use 1 or more.")
        require(0.01 <= self.reward <= 100, "reward", self.reward, "use dollars, from 0.01 to 100.")
        require(self.minutes <= 1440 and self.days <= 365, "minutes, days", (self.minutes, self.days), "are too long.")
        if not check_url(self.images_url).startswith("https") and self.live:
            raise ConfigError("images_url", self.images_url, "workers cannot go there; give an https:// address.")

    @property
    def place(self) -> Place:
        """Where to publish."""
        return "live" if self.live else "sandbox"


def main(options: Options) -> int:
    """Publish. Returns the exit status. Raises ConfigError with a message for the user."""
    options.check()
    design, published, console = read_design(options.study), read_published(options.study), make_console()
    hits = published.hits(options.place)
    rows = plan_hits(layout_of(design), num_hits=options.num_hits)
    questions = {
        number: question_of(render_hit(design, row, images_url=options.images_url, is_live=options.live))
        for number, row in enumerate(rows)
        if number not in hits
    }
    if not questions:
        console.print(f"All {counted(len(rows), 'HIT')} are published already; ask for more with --num-hits.")
        return 0
    _check_images(options.images_url, rows[0])

    def keep(number: int, hit: str) -> None:
        hits[number] = hit
        write_published(options.study, published)

    try:
        client = open_requester(options.place)
        if not _is_wanted(console, client, options, num_new=len(questions)):
            return 1
        publish(client, questions, _terms(options, design.title), secret=f"{design.salt}/{options.place}", keep=keep)
    except RefusedError as error:
        console.error(f"MTurk: {error}")
        console.print(f"{counted(len(hits), 'HIT')} of {len(rows)} published; the same command goes on.")
        return 1
    console.print(f"{counted(len(questions), 'HIT')} published in the {_NAMES[options.place]}.")
    console.print(f"diptych study import-mturk {options.study} --published {options.place}")
    return 0


_NAMES: dict[Place, str] = {"live": "marketplace, for money", "sandbox": "sandbox, without money"}


def _terms(options: Options, title: str) -> Terms:
    return Terms(
        title=title,
        description="Tell real images from generated ones.",
        reward=options.reward,
        minutes=options.minutes,
        days=options.days,
    )


def _check_images(images_url: str, row: Row) -> None:
    """Raise ConfigError if a worker could not load the first image."""
    url = check_url(images_url) + row["images_left0"]
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_PATIENCE_S).close()
    except OSError as error:
        raise ConfigError("images_url", url, f"cannot be loaded ({error}); put the images there first.") from error


def _is_wanted(console: PlainConsole, client: Any, options: Options, *, num_new: int) -> bool:
    """Say what it costs, and ask."""
    balance = balance_of(client)
    dollars = cost(num_new, options.reward)
    console.print(
        f"{counted(num_new, 'HIT')} in the {_NAMES[options.place]}: ${options.reward:.2f} each, with Amazon's fee "
        f"${dollars:.2f} together. The account has ${balance}."
    )
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigError("yes", False, "nobody can be asked here: give --yes to publish at this cost.")
    console.print("Publish? Type yes: ", end="")
    wanted = sys.stdin.readline().strip() == "yes"
    if not wanted:
        console.print("Nothing is published.")
    return wanted

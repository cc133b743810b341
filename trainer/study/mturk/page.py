"""The page of a HIT: the papers' sequence, in one file."""

from pathlib import Path
from urllib.parse import urlsplit

import jinja2

from trainer.config.errors import ConfigError
from trainer.study.design import Design
from trainer.study.mturk.export import Row
from trainer.study.mturk.layout import columns

LIVE, SANDBOX = "https://www.mturk.com", "https://workersandbox.mturk.com"
_EXPOSURE_MS = 1000
_OWN = ("localhost", "127.0.0.1")


def check_url(url: str) -> str:
    """Where the images are, with `/` at its end. Raises ConfigError unless a worker's browser could go there."""
    parts = urlsplit(url)
    is_own = parts.scheme == "http" and parts.hostname in _OWN
    if not ((parts.scheme == "https" and parts.hostname) or is_own) or parts.query or parts.fragment or "$" in url:
        raise ConfigError("images_url", url, "give the address of the folder of images, beginning with https://.")
    return url if url.endswith("/") else f"{url}/"


def template_row(num_trials: int) -> Row:
    """What MTurk's website fills from the file, a row for each HIT."""
    return {name: f"${{{name}}}" for name in columns(num_trials)}


def render_hit(design: Design, row: Row, *, images_url: str, is_live: bool) -> str:
    """A page of one HIT, or of all if the row is `template_row`.

    Its sequence is that of Isola et al. 2017: a blank of 900 ms, one image for 1000 ms, a blank of 600 ms, the other
    for 1000 ms, then time without end; practice trials tell what was right. Exposures are measured and sent, too.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    numbers = range(design.num_trials)
    return environment.get_template("hit.html").render(
        title=design.title,
        consent=design.consent,
        num_trials=design.num_trials,
        num_practice=design.num_practice,
        exposure_ms=design.exposure_ms or _EXPOSURE_MS,
        real_sides=[row[f"gt_side{number}"] for number in numbers],
        lefts=[row[f"images_left{number}"] for number in numbers],
        rights=[row[f"images_right{number}"] for number in numbers],
        images_url=check_url(images_url),
        action=f"{LIVE if is_live else SANDBOX}/mturk/externalSubmit",
    )

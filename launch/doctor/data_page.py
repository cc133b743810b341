"""A page of what was found in a data set, complete in itself, with the pictures concerned side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sharding.examining.again import read_named
from sharding.examining.found import Found
from sharding.examining.judge import Finding
from sharding.storage.cache import Cache
from sharding.storage.files import write_atomically
from sharding.storage.place import Place
from trainer.reports.page import find_template
from trainer.reports.pictures import Picture, encoded

_MOST_SHOWN = 12
"""Samples of a finding."""
_SIDE = 192
"""Pixels of the longer side on the page."""


def write_data_page(
    file: Path, found: Found, findings: Sequence[Finding], *, place: Place, cache: Cache | None
) -> None:
    """Write the page; pictures are read again for it."""
    views = list(found.views)
    wanted = {
        (view, name)
        for finding in findings
        for sample in finding.samples[:_MOST_SHOWN]
        for name in _names(sample)
        for view in views
    }
    pictures = read_named(place, wanted, cache=cache)
    shown = [(finding, _gallery(finding, views, pictures)) for finding in findings]
    page = find_template("data.html", folder=Path(__file__).parent).render(found=found, place=str(place), shown=shown)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, page.encode())


def _names(sample: str) -> list[str]:
    """`test/x ~ train/y` names two, `train/x (5 px below)` one."""
    return [part.partition(" (")[0] for part in sample.split(" ~ ")]


def _gallery(
    finding: Finding, views: Sequence[str], pictures: Mapping[tuple[str, str], np.ndarray]
) -> list[tuple[str, list[Picture]]]:
    return [
        (
            sample,
            [
                _embedded(pictures[view, name])
                for name in _names(sample)
                for view in views
                if (view, name) in pictures and finding.view in (None, view)
            ],
        )
        for sample in finding.samples[:_MOST_SHOWN]
    ]


def _embedded(pixels: np.ndarray) -> Picture:
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE))
    return encoded(picture, position=0)

"""report.html of a perceptual study: its tables, intervals and images on one page, complete in itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.reports.page import find_template
from trainer.reports.pictures import Picture, UnusablePictureError, embed
from trainer.study.answers import TRUTH
from trainer.study.design import IMAGES, INPUT
from trainer.study.report.contents import Contents
from trainer.study.report.tables import EXTREMES, extremes, make_tables, name_of, scale_of, summary, told_of
from trainer.study.statistics.estimates import Estimate
from trainer.study.statistics.images import ImageScore


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A mean and its interval: places on a line, in per cent of its length."""

    name: str
    value: str
    place: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An image with what was said of it; of `preference` beside its input."""

    pictures: tuple[Picture, ...]
    caption: str


def render_study(contents: Contents, folder: Path) -> str:
    """The page of a study in a folder, whose images are read there. What cannot be shown is said on it."""
    notes = list(contents.notes)
    galleries = [
        (f"{method}: {which} convincing", [_shown(score, contents, folder, notes) for score in scores])
        for method, both in extremes(contents.images).items()
        for which, scores in zip(("most", "least"), both, strict=True)
    ]
    return find_template("study.html").render(
        title=contents.design.title,
        lines=summary(contents),
        notes=notes,
        bars=[_bar(found, contents) for found in contents.estimates],
        ends=(scale_of(contents).number(0.0, unit=True), scale_of(contents).number(_end(contents), unit=True)),
        middle=50.0 if scale_of(contents).is_share else None,
        tables=[table for table in make_tables(contents) if table.title != EXTREMES],  # shown as pictures
        galleries=[(title, shown) for title, shown in galleries if shown],
    )


def _end(contents: Contents) -> float:
    return float(scale_of(contents).num_values - 1)


def _bar(found: Estimate, contents: Contents) -> Bar:
    scale, length = scale_of(contents), _end(contents)
    low, high = (None if value is None else 100 * value / length for value in (found.low, found.high))
    return Bar(name=name_of(found), value=scale.mean(found), place=100 * found.mean / length, low=low, high=high)


def _shown(score: ImageScore, contents: Contents, folder: Path, notes: list[str]) -> Shown:
    files = contents.design.images.get(score.image, {})
    beside = INPUT if contents.design.protocol == "preference" else TRUTH
    names = [files[name] for name in dict.fromkeys((score.method, beside)) if name in files]
    return Shown(
        pictures=tuple(_embedded([folder / IMAGES / name for name in names], notes)),
        caption=f"{score.image}: {told_of(score, scale_of(contents))}",
    )


def _embedded(paths: Sequence[Path], notes: list[str]) -> list[Picture]:
    found = []
    for path in paths:
        try:
            found.append(embed(path, position=0))
        except UnusablePictureError as error:
            notes.append(f"{path.name} {error}.")
    return found

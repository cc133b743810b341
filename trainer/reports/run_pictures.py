"""The pictures of a run that its report shows: translations, samples over time, confusion matrices."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.evaluation.confusion_pictures import TITLES
from trainer.evaluation.extremes import case_picture, drawn_cases, read_extremes
from trainer.evaluation.scores import find_key
from trainer.reports.pictures import MOST_EMBEDDED, Picture, UnusablePictureError, choose_grids, embed
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class Cases:
    """The worst or the best images of a split."""

    title: str
    picture: Picture
    names: list[str]
    """Of the images, row by row, with what each scored."""


@dataclass(frozen=True, kw_only=True)
class RunPictures:
    """What there is of them."""

    comparison: Picture | None
    """Some of the images that were evaluated, if any were."""
    cases: list[Cases]
    """The worst images, and the best."""
    confusions: dict[str, Picture]
    """Confusion matrices by heading."""
    grids: list[Picture]
    """Samples, in the order of training."""
    notes: list[str]
    """What could not be shown, and why."""

    @property
    def number(self) -> int:
        return len(list(self._all()))

    @property
    def size(self) -> int:
        """Bytes of the page that they take."""
        return sum(len(picture.uri) for picture in self._all())

    def _all(self) -> Iterator[Picture]:
        if self.comparison is not None:
            yield self.comparison
        yield from (cases.picture for cases in self.cases)
        yield from self.confusions.values()
        yield from self.grids


def read_pictures(run: RunDir, *, position: int, most: int = MOST_EMBEDDED) -> RunPictures:
    """Read them, each as at most `most` bytes. `position`: images that the run has seen."""
    notes: list[str] = []

    def try_embed(path: Path, position: int = position) -> Picture | None:
        if not os.path.lexists(path):
            return None
        try:
            return embed(path, position=position, most=most)
        except UnusablePictureError as error:
            notes.append(f"{path.relative_to(run.path)} {error}.")
            return None

    if run.samples.is_symlink():
        notes.append(f"{run.samples.name} is a link, which is not followed.")
    comparison = try_embed(run.evaluation_picture)
    cases = [Cases(title=title, picture=picture, names=names) for title, picture, names in _cases(run, try_embed)]
    drawn = {title: run.evaluation_picture.with_name(f"evaluation-{kind}.png") for kind, title in TITLES.items()}
    matrices = {title: try_embed(path) for title, path in drawn.items()}
    grids = [try_embed(path, int(path.stem)) for path in choose_grids(run)]
    return RunPictures(
        comparison=comparison,
        cases=cases,
        confusions={title: matrix for title, matrix in matrices.items() if matrix is not None},
        grids=[grid for grid in grids if grid is not None],
        notes=notes,
    )


def _cases(run: RunDir, try_embed: Callable[[Path], Picture | None]) -> Iterator[tuple[str, Picture, list[str]]]:
    """Of the split that was scored last, which the pictures are of."""
    # A blank is in the names of what does not stand for the run: `test, flips`, `test after 1000 images`.
    scored = [entry for name, entry in run.evaluations().items() if entry.get("extremes") and " " not in name]
    if not scored:
        return
    newest = max(scored, key=lambda entry: str(entry.get("evaluated", "")))
    key, cases = drawn_cases(read_extremes(newest), wanted=run.config().checkpoint.keep_best)
    score = find_key(key)
    for end, of_end in cases.items():
        picture = try_embed(case_picture(run.evaluation_picture, end))
        if picture is not None:
            yield (
                f"{end.capitalize()} images by {score.heading}",
                picture,
                [f"{score.show(case.value)}: {case.key}" for case in of_end],
            )

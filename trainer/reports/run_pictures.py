"""The pictures of a run that its report shows: translations, samples over time, confusion matrices."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.evaluation.confusion_pictures import TITLES
from trainer.reports.pictures import MOST_EMBEDDED, Picture, UnusablePictureError, choose_grids, embed
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class RunPictures:
    """What there is of them."""

    comparison: Picture | None
    """Some of the images that were evaluated, if any were."""
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
        yield from self.confusions.values()
        yield from self.grids


def read_pictures(run: RunDir, *, position: int, most: int = MOST_EMBEDDED) -> RunPictures:
    """Read them, each as at most `most` bytes. `position`: images that the run has seen."""
    notes: list[str] = []

    def try_embed(path: Path, position: int) -> Picture | None:
        try:
            return embed(path, position=position, most=most)
        except UnusablePictureError as error:
            notes.append(f"{path.relative_to(run.path)} {error}.")
            return None

    if run.samples.is_symlink():
        notes.append(f"{run.samples.name} is a link, which is not followed.")
    comparison = try_embed(run.evaluation_picture, position) if os.path.lexists(run.evaluation_picture) else None
    drawn = {title: run.evaluation_picture.with_name(f"evaluation-{kind}.png") for kind, title in TITLES.items()}
    matrices = {title: try_embed(path, position) for title, path in drawn.items() if os.path.lexists(path)}
    grids = [try_embed(path, int(path.stem)) for path in choose_grids(run)]
    return RunPictures(
        comparison=comparison,
        confusions={title: matrix for title, matrix in matrices.items() if matrix is not None},
        grids=[grid for grid in grids if grid is not None],
        notes=notes,
    )

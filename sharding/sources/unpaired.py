"""Two folders of unrelated images: e.g. summer and winter, photos and paintings. Each sample has one view."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharding.errors import DatasetError, OptionError
from sharding.inputs.catalogue import Catalogue
from sharding.inputs.files import (
    FilesOptions,
    FoundFile,
    Search,
    check_equal_splits,
    check_names,
    find_images,
    find_splits,
)
from sharding.inputs.labels import LabelOptions
from sharding.inputs.passed import tell_passed_over
from sharding.inputs.splits import SplitOptions
from sharding.rendering.edges import EdgeOptions
from sharding.rendering.options import ImageOptions
from sharding.rendering.plan import plan_rendering
from sharding.sources.shared import FilesEncoder, iter_drafts, recipe_of, survey
from sharding.work.crew import Crew
from sharding.work.plan import SPLITS, Plan
from sharding.work.problems import Problems


@dataclass(frozen=True, kw_only=True)
class UnpairedOptions:
    """Two folders of unrelated images, or one with the sub-folders trainA, trainB, testA, testB."""

    a: Path | None = None
    """Folder of the first view's images, with or without sub-folders train, val, test; `{split}` stands for them."""
    b: Path | None = None
    """Folder of the second view's images."""
    folder: Path | None = None
    """In place of both: a folder with trainA and trainB, and the same for val and test if there are any."""
    view_a: str = "a"
    """Name of the first view, e.g. summer."""
    view_b: str = "b"
    """Name of the second view, e.g. winter."""
    names_a: str = "*"
    """What names of the first view's files look like without suffix; the `*` is the sample's name: `*_photo`."""
    names_b: str = "*"
    """The same of the second view: `*_label`. Files named otherwise are not taken."""
    files: FilesOptions = field(default_factory=FilesOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
    splits: SplitOptions = field(default_factory=SplitOptions)

    def __post_init__(self) -> None:
        given = (self.a is not None, self.b is not None, self.folder is not None)
        if given not in {(True, True, False), (False, False, True)}:
            raise OptionError("Give --a and --b, or --folder in place of both.")
        check_names("--names-a", self.names_a)
        check_names("--names-b", self.names_b)
        self.images.check_views({"--view-a": self.view_a, "--view-b": self.view_b})

    def made_by(self) -> dict[str, Any]:
        folders = {name: None if path is None else str(path) for name, path in self._folders().items()}
        options = {**folders, "view_a": self.view_a, "view_b": self.view_b, **self._names()}
        inputs = self._catalogue().fingerprint()
        return recipe_of("unpaired", options, (self.files, self.images, self.splits), inputs)

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        catalogue = self._catalogue()
        tell_passed_over(catalogue, problems)
        survey(catalogue, images=self.images, splits=self.splits, labels=LabelOptions(), crew=crew, problems=problems)
        rendering = plan_rendering(
            catalogue,
            views=(self.view_a, self.view_b),
            options=self.images,
            edges=EdgeOptions(),
            crew=crew,
            problems=problems,
        )
        drafts = iter_drafts(
            catalogue, {}, is_copied=self.images.is_original, view_of=lambda entry: next(iter(entry.headers))
        )
        return Plan(
            kind="unpaired",
            views=rendering.views,
            classes=rendering.classes,
            drafts=drafts,
            encode=FilesEncoder(rendering=rendering),
        )

    def _folders(self) -> dict[str, Path | None]:
        return {"a": self.a, "b": self.b, "folder": self.folder}

    def _names(self) -> dict[str, str]:
        return {"names_a": self.names_a, "names_b": self.names_b}

    def _catalogue(self) -> Catalogue:
        catalogue = Catalogue()
        searches = [catalogue.search(self.files, names=names) for names in self._names().values()]
        if self.folder is not None:
            sides = find_sides(self.folder, searches)
        else:
            assert self.a is not None
            assert self.b is not None
            check_equal_splits(self.a, self.b, self.files)
            sides = find_splits(self.a, searches[0]), find_splits(self.b, searches[1])
        for view, files in zip((self.view_a, self.view_b), sides, strict=True):
            # No view's name has a hyphen, so a view and a stem are told apart, and no two keys are equal.
            catalogue.add(view, files, self.splits, prefix=f"{view}-")
        return catalogue


def find_sides(folder: Path, searches: Sequence[Search]) -> tuple[Iterator[FoundFile], Iterator[FoundFile]]:
    """The images of `trainA`, `valA`, `testA`, and those of `trainB` ...; a split that is absent is left out.

    Raises:
        DatasetError: there is no trainA, or a folder has no counterpart.
    """
    sides = {side: {s: folder / f"{s}{side}" for s in SPLITS if (folder / f"{s}{side}").is_dir()} for side in "AB"}
    if "train" not in sides["A"] or sides["A"].keys() != sides["B"].keys():
        there = [path.name for paths in sides.values() for path in paths.values()]
        raise DatasetError(
            f"{folder} holds {', '.join(there) or 'none of the folders'}; expected are trainA and trainB, and the same "
            f"for val and test if there are any. Or give two folders as --a and --b."
        )
    return _find_side(sides["A"], searches[0]), _find_side(sides["B"], searches[1])


def _find_side(folders: dict[str, Path], search: Search) -> Iterator[FoundFile]:
    for split, path in folders.items():
        yield from find_images(path, search, split=split)

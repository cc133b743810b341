"""Two folders with equal file names: `a/x.jpg` and `b/x.png` are two views of the sample `x`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharding.inputs.catalogue import Catalogue
from sharding.inputs.checks import reject_lonely, reject_unequal
from sharding.inputs.files import FilesOptions, check_equal_splits, check_names, find_splits
from sharding.inputs.labels import LabelOptions
from sharding.inputs.passed import tell_passed_over
from sharding.inputs.splits import SplitOptions
from sharding.rendering.edges import EdgeOptions
from sharding.rendering.options import ImageOptions
from sharding.sources.shared import plan_files, recipe_of, survey
from sharding.work.crew import Crew
from sharding.work.plan import Plan
from sharding.work.problems import Problems


@dataclass(frozen=True, kw_only=True)
class FoldersOptions:
    """Two folders whose files have equal names, with or without sub-folders train, val, test."""

    a: Path
    """Folder of the images of the first view; `{split}` in it stands for train, val and test."""
    b: Path
    """Folder of the images of the second view; the names without suffix are those of the first."""
    view_a: str = "a"
    """Name of the first view, e.g. photo."""
    view_b: str = "b"
    """Name of the second view, e.g. label."""
    names_a: str = "*"
    """What names of the first view's files look like without suffix; the `*` is the sample's name: `*_photo`."""
    names_b: str = "*"
    """The same of the second view: `*_label`. Files named otherwise are not taken."""
    files: FilesOptions = field(default_factory=FilesOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
    splits: SplitOptions = field(default_factory=SplitOptions)
    edges: EdgeOptions = field(default_factory=EdgeOptions)

    def __post_init__(self) -> None:
        check_names("--names-a", self.names_a)
        check_names("--names-b", self.names_b)
        self.images.check_views({"--view-a": self.view_a, "--view-b": self.view_b})
        self.edges.check_views((self.view_a, self.view_b), classes_view=self.images.classes_view)

    def made_by(self) -> dict[str, Any]:
        options = {"a": str(self.a), "b": str(self.b), "view_a": self.view_a, "view_b": self.view_b, **self._names()}
        inputs = self._catalogue().fingerprint()
        return recipe_of("folders", options, (self.files, self.images, self.splits, self.edges), inputs)

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        catalogue = self._catalogue()
        tell_passed_over(catalogue, problems)
        reject_lonely(catalogue, problems, {self.view_a: self.a, self.view_b: self.b})
        survey(catalogue, images=self.images, splits=self.splits, labels=LabelOptions(), crew=crew, problems=problems)
        reject_unequal(catalogue, problems, is_resized=self.images.stored_size is not None)
        views = (self.view_a, self.view_b)
        return plan_files(
            catalogue, views=views, images=self.images, edges=self.edges, infos={}, crew=crew, problems=problems
        )

    def _names(self) -> dict[str, str]:
        return {"names_a": self.names_a, "names_b": self.names_b}

    def _catalogue(self) -> Catalogue:
        check_equal_splits(self.a, self.b, self.files)
        catalogue = Catalogue()
        for view, folder, names in ((self.view_a, self.a, self.names_a), (self.view_b, self.b, self.names_b)):
            files = find_splits(folder, catalogue.search(self.files, names=names))
            catalogue.add(view, files, self.splits)
        return catalogue

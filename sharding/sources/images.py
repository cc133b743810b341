"""A folder of single images, usually with labels: one view per sample."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharding.inputs.catalogue import Catalogue
from sharding.inputs.files import FilesOptions, find_classes, find_splits
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
class ImagesOptions:
    """A folder of images, with or without sub-folders train, val, test; with `--labels folders`, classes below them."""

    folder: Path
    """Folder of the images; `{split}` in it stands for train, val and test."""
    view: str = "photo"
    """Name of the view that the images become, e.g. face."""
    files: FilesOptions = field(default_factory=FilesOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
    splits: SplitOptions = field(default_factory=SplitOptions)
    labels: LabelOptions = field(default_factory=LabelOptions)
    edges: EdgeOptions = field(default_factory=EdgeOptions)

    def __post_init__(self) -> None:
        self.images.check_views({"--view": self.view})
        self.edges.check_views([self.view], classes_view=self.images.classes_view)

    def made_by(self) -> dict[str, Any]:
        options = {"folder": str(self.folder), "view": self.view}
        inputs = self._catalogue().fingerprint() | self.labels.inputs()
        return recipe_of("images", options, (self.files, self.images, self.splits, self.labels, self.edges), inputs)

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        catalogue = self._catalogue()
        tell_passed_over(catalogue, problems)
        infos = survey(
            catalogue, images=self.images, splits=self.splits, labels=self.labels, crew=crew, problems=problems
        )
        return plan_files(
            catalogue,
            views=[self.view],
            images=self.images,
            edges=self.edges,
            infos=infos,
            crew=crew,
            problems=problems,
        )

    def _catalogue(self) -> Catalogue:
        catalogue = Catalogue()
        find = find_classes if self.labels.has_class_folders else find_splits
        catalogue.add(self.view, find(self.folder, catalogue.search(self.files)), self.splits)
        return catalogue

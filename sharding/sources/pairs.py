"""A folder of side-by-side pairs: one image `A|B` per sample, as the pix2pix data sets come."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharding.errors import OptionError
from sharding.inputs.catalogue import Catalogue
from sharding.inputs.checks import halve
from sharding.inputs.files import FilesOptions, find_classes, find_splits
from sharding.inputs.labels import LabelOptions
from sharding.inputs.passed import tell_passed_over
from sharding.inputs.splits import SplitOptions
from sharding.rendering.edges import EdgeOptions
from sharding.rendering.options import ImageOptions
from sharding.rendering.plan import plan_rendering
from sharding.sources.shared import HalvesEncoder, iter_drafts, recipe_of, survey
from sharding.work.crew import Crew
from sharding.work.plan import Plan
from sharding.work.problems import Problems


@dataclass(frozen=True, kw_only=True)
class PairsOptions:
    """A folder of side-by-side pairs `A|B`, with or without sub-folders train, val, test."""

    folder: Path
    """Folder of the images; `{split}` in it stands for train, val and test."""
    view_left: str = "a"
    """Name of the view in the left half, e.g. photo."""
    view_right: str = "b"
    """Name of the view in the right half, e.g. map."""
    files: FilesOptions = field(default_factory=FilesOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
    splits: SplitOptions = field(default_factory=SplitOptions)
    labels: LabelOptions = field(default_factory=LabelOptions)
    edges: EdgeOptions = field(default_factory=EdgeOptions)

    def __post_init__(self) -> None:
        self.images.check_views({"--view-left": self.view_left, "--view-right": self.view_right})
        self.edges.check_views((self.view_left, self.view_right), classes_view=self.images.classes_view)
        if self.images.is_original:
            raise OptionError("--store original: a pair must be cut in two, so it cannot be copied; leave it out.")

    def made_by(self) -> dict[str, Any]:
        options = {"folder": str(self.folder), "view_left": self.view_left, "view_right": self.view_right}
        inputs = self._catalogue().fingerprint() | self.labels.inputs()
        return recipe_of("pairs", options, (self.files, self.images, self.splits, self.labels, self.edges), inputs)

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        catalogue = self._catalogue()
        tell_passed_over(catalogue, problems)
        infos = survey(
            catalogue, images=self.images, splits=self.splits, labels=self.labels, crew=crew, problems=problems
        )
        halve(catalogue, problems, left=self.view_left, right=self.view_right)
        rendering = plan_rendering(
            catalogue,
            views=(self.view_left, self.view_right),
            options=self.images,
            edges=self.edges,
            crew=crew,
            problems=problems,
        )
        return Plan(
            views=rendering.views,
            classes=rendering.classes,
            labels=infos,
            drafts=iter_drafts(catalogue, infos, is_copied=False),
            encode=HalvesEncoder(rendering=rendering, left=self.view_left, right=self.view_right),
        )

    def _catalogue(self) -> Catalogue:
        catalogue = Catalogue()
        find = find_classes if self.labels.has_class_folders else find_splits
        catalogue.add(self.view_left, find(self.folder, catalogue.search(self.files)), self.splits)
        return catalogue

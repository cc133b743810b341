"""A folder of single images, usually with labels: one view per sample."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sharding.edges import EdgeOptions
from sharding.inputs import find_classes, find_splits, fingerprint, list_files, read_headers
from sharding.labels import LabelOptions
from sharding.naming import key_of
from sharding.rendering import ImageOptions, plan_rendering, stored_size
from sharding.sample import Draft, Plan, Sample

RECIPE = 1
"""Raised whenever the same files and options would make other bytes."""


@dataclass(frozen=True, kw_only=True)
class ImagesOptions:
    """A folder of images, with or without sub-folders train, val, test; with `--labels folders`, classes below them."""

    folder: Path
    """Folder of the images; `{split}` in it stands for train, val and test."""
    view: str = "photo"
    """Name of the view that the images become, e.g. face."""
    images: ImageOptions = field(default_factory=ImageOptions)
    labels: LabelOptions = field(default_factory=LabelOptions)
    edges: EdgeOptions = field(default_factory=EdgeOptions)

    def __post_init__(self) -> None:
        self.images.check_views({"--view": self.view})
        self.edges.check_views([self.view], classes_view=self.images.classes_view)

    def made_by(self) -> dict[str, Any]:
        options = {"folder": str(self.folder), "view": self.view}
        files = {f"{split}/{stem}{path.suffix}": path for split, stem, path in self._files()}
        return {
            "source": "images",
            "recipe": RECIPE,
            "options": {**options, **asdict(self.images), **self.labels.made_by(), **self.edges.made_by()},
            "inputs": fingerprint(files | self.labels.files()),
        }

    def plan(self) -> Plan:
        files = self._files()
        labels, values = self.labels.read([path for _, _, path in files])
        headers = read_headers([path for _, _, path in files])
        size = stored_size(headers, self.images)
        rendering = plan_rendering({self.view: headers}, size=size, options=self.images, edges=self.edges)

        def encode(draft: Draft) -> Sample:
            return draft.sample(rendering.encode_files({self.view: draft.origin}))

        drafts = [
            Draft(key=key_of(stem), split=split, origin=header, labels=numbers)
            for (split, stem, _), header, numbers in zip(files, headers, values, strict=True)
        ]
        return Plan(views=rendering.views, classes=rendering.classes, labels=labels, drafts=drafts, encode=encode)

    def _files(self) -> list[tuple[str, str, Path]]:
        """Split, stem and path of each image."""
        find = find_classes if self.labels.has_class_folders else find_splits
        return list_files(find(self.folder), val=self.images.val, test=self.images.test)

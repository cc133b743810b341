"""A folder of side-by-side pairs: one image `A|B` per sample, as the pix2pix data sets come."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from sharding.edges import EdgeOptions
from sharding.images import open_image
from sharding.inputs import Header, find_classes, find_splits, fingerprint, list_files, read_headers
from sharding.labels import LabelOptions
from sharding.manifest import DatasetError
from sharding.naming import key_of
from sharding.problems import listing
from sharding.rendering import ImageOptions, plan_rendering, stored_size
from sharding.sample import Draft, Plan, Sample

RECIPE = 1
"""Raised whenever the same files and options would make other bytes."""


@dataclass(frozen=True, kw_only=True)
class PairsOptions:
    """A folder of side-by-side pairs `A|B`, with or without sub-folders train, val, test."""

    folder: Path
    """Folder of the images; `{split}` in it stands for train, val and test."""
    view_left: str = "a"
    """Name of the view in the left half, e.g. photo."""
    view_right: str = "b"
    """Name of the view in the right half, e.g. map."""
    images: ImageOptions = field(default_factory=ImageOptions)
    labels: LabelOptions = field(default_factory=LabelOptions)
    edges: EdgeOptions = field(default_factory=EdgeOptions)

    def __post_init__(self) -> None:
        self.images.check_views({"--view-left": self.view_left, "--view-right": self.view_right})
        self.edges.check_views((self.view_left, self.view_right), classes_view=self.images.classes_view)

    def made_by(self) -> dict[str, Any]:
        options = {"folder": str(self.folder), "view_left": self.view_left, "view_right": self.view_right}
        files = {f"{split}/{stem}{path.suffix}": path for split, stem, path in self._files()}
        return {
            "source": "pairs",
            "recipe": RECIPE,
            "options": {**options, **asdict(self.images), **self.labels.made_by(), **self.edges.made_by()},
            "inputs": fingerprint(files | self.labels.files()),
        }

    def plan(self) -> Plan:
        files = self._files()
        headers = read_headers([path for _, _, path in files])
        halves = halves_of(headers)
        views = (self.view_left, self.view_right)
        size = stored_size(halves, self.images)
        rendering = plan_rendering(dict.fromkeys(views, halves), size=size, options=self.images, edges=self.edges)
        labels, values = self.labels.read([path for _, _, path in files])

        def encode(draft: Draft) -> Sample:
            parts = cut(open_image(draft.origin.path))
            halves = {view: (part, draft.origin) for view, part in zip(views, parts, strict=True)}
            return draft.sample(rendering.encode(halves))

        drafts = [
            Draft(key=key_of(stem), split=split, origin=half, labels=numbers)
            for (split, stem, _), half, numbers in zip(files, halves, values, strict=True)
        ]
        return Plan(views=rendering.views, classes=rendering.classes, labels=labels, drafts=drafts, encode=encode)

    def _files(self) -> list[tuple[str, str, Path]]:
        """Split, stem and path of each image."""
        find = find_classes if self.labels.has_class_folders else find_splits
        return list_files(find(self.folder), val=self.images.val, test=self.images.test)


def halves_of(headers: Sequence[Header]) -> list[Header]:
    """The headers as one half of each image would have them.

    Raises:
        DatasetError: an odd number of columns cannot be cut in two; the message lists the files.
    """
    odd = [f"{header.path}: {header.size[0]} pixels wide" for header in headers if header.size[0] % 2]
    if odd:
        raise DatasetError(f"{len(odd)} images are no pairs A|B, their width is odd:\n{listing(odd)}")
    return [replace(header, size=(header.size[0] // 2, header.size[1])) for header in headers]


def cut(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Left and right half."""
    middle = image.width // 2
    return image.crop((0, 0, middle, image.height)), image.crop((middle, 0, image.width, image.height))

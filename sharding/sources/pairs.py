"""A folder of side-by-side pairs: one image `A|B` per sample, as the pix2pix data sets come."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from sharding.images import open_image
from sharding.inputs import Header, find_splits, fingerprint, name_splits, read_headers
from sharding.manifest import DatasetError
from sharding.naming import key_of
from sharding.problems import listing
from sharding.rendering import ImageOptions, plan_renderer, stored_size
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

    def __post_init__(self) -> None:
        self.images.check_views({"--view-left": self.view_left, "--view-right": self.view_right})

    def made_by(self) -> dict[str, Any]:
        options = {"folder": str(self.folder), "view_left": self.view_left, "view_right": self.view_right}
        files = {f"{split}/{path.name}": path for split, _, path in self._files()}
        return {
            "source": "pairs",
            "recipe": RECIPE,
            "options": {**options, **asdict(self.images)},
            "inputs": fingerprint(files),
        }

    def plan(self) -> Plan:
        files = self._files()
        headers = read_headers([path for _, _, path in files])
        halves = halves_of(headers)
        size = stored_size(halves, self.images)
        classes = self.images.read_classes(headers[0].path)
        renderers = {
            name: plan_renderer(name, halves, size=size, options=self.images, classes=classes)
            for name in (self.view_left, self.view_right)
        }

        def encode(draft: Draft) -> Sample:
            header: Header = draft.origin
            parts = zip(renderers.values(), cut(open_image(header.path)), strict=True)
            members = {r.view.extension: r.encode(part, header=header) for r, part in parts}
            return draft.sample(members)

        drafts = [
            Draft(key=key_of(stem), split=split, origin=header)
            for (split, stem, _), header in zip(files, headers, strict=True)
        ]
        views = {name: renderer.view for name, renderer in renderers.items()}
        return Plan(views=views, classes=classes, drafts=drafts, encode=encode)

    def _files(self) -> list[tuple[str, str, Path]]:
        """Split, stem and path of each image."""
        splits = name_splits(find_splits(self.folder), val=self.images.val, test=self.images.test)
        return [(split, stem, path) for split, images in splits.items() for stem, path in images.items()]


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

"""Two folders with equal file names: `a/x.jpg` and `b/x.png` are two views of the sample `x`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sharding.edges import EdgeOptions
from sharding.inputs import Header, check_equal_splits, find_splits, fingerprint, format_size, name_splits, read_headers
from sharding.manifest import DatasetError
from sharding.naming import key_of
from sharding.problems import listing
from sharding.rendering import ImageOptions, plan_rendering, stored_size
from sharding.sample import Draft, Plan, Sample

RECIPE = 1
"""Raised whenever the same files and options would make other bytes."""

Pair = tuple[Path, Path]


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
    images: ImageOptions = field(default_factory=ImageOptions)
    edges: EdgeOptions = field(default_factory=EdgeOptions)

    def __post_init__(self) -> None:
        self.images.check_views({"--view-a": self.view_a, "--view-b": self.view_b})
        self.edges.check_views((self.view_a, self.view_b), classes_view=self.images.classes_view)

    def made_by(self) -> dict[str, Any]:
        options = {"a": str(self.a), "b": str(self.b), "view_a": self.view_a, "view_b": self.view_b}
        files = {
            f"{split}/{view}/{path.name}": path
            for split, pairs in self._pairs().items()
            for pair in pairs.values()
            for view, path in zip("ab", pair, strict=True)
        }
        return {
            "source": "folders",
            "recipe": RECIPE,
            "options": {**options, **asdict(self.images), **self.edges.made_by()},
            "inputs": fingerprint(files),
        }

    def plan(self) -> Plan:
        found = [(split, stem, pair) for split, pairs in self._pairs().items() for stem, pair in pairs.items()]
        headers_a = read_headers([pair[0] for _, _, pair in found])
        headers_b = read_headers([pair[1] for _, _, pair in found])
        check_pairs_align(list(zip(headers_a, headers_b, strict=True)), resizes=self.images.size is not None)
        by_view = {self.view_a: headers_a, self.view_b: headers_b}
        size = stored_size(headers_a, self.images)
        rendering = plan_rendering(by_view, size=size, options=self.images, edges=self.edges)
        drafts = [
            Draft(key=key_of(stem), split=split, origin=dict(zip(by_view, twins, strict=True)))
            for (split, stem, _), twins in zip(found, zip(headers_a, headers_b, strict=True), strict=True)
        ]

        def encode(draft: Draft) -> Sample:
            return draft.sample(rendering.encode_files(draft.origin))

        return Plan(views=rendering.views, classes=rendering.classes, drafts=drafts, encode=encode)

    def _pairs(self) -> dict[str, dict[str, Pair]]:
        pairs = match_names(find_splits(self.a), find_splits(self.b), folders=(self.a, self.b))
        return name_splits(pairs, val=self.images.val, test=self.images.test)


def match_names(
    found_a: Mapping[str | None, Mapping[str, Path]],
    found_b: Mapping[str | None, Mapping[str, Path]],
    *,
    folders: Pair,
) -> dict[str | None, dict[str, Pair]]:
    """The twins of each split.

    Raises:
        DatasetError: a file or a split has no twin; the message lists them.
    """
    check_equal_splits(found_a, found_b, folders=folders)
    lonely = [
        f"{images[stem]} has no twin in {other}"
        for split in found_a
        for images, twins, other in (
            (found_a[split], found_b[split], folders[1]),
            (found_b[split], found_a[split], folders[0]),
        )
        for stem in images
        if stem not in twins
    ]
    if lonely:
        raise DatasetError(f"{len(lonely)} images have no twin; add it, or remove them:\n{listing(lonely)}")
    return {
        split: {stem: (path, found_b[split][stem]) for stem, path in images.items()}
        for split, images in found_a.items()
    }


def check_pairs_align(twins: list[tuple[Header, Header]], *, resizes: bool) -> None:
    """Twins have one size; if they are resized anyway, one aspect ratio is enough.

    Raises:
        DatasetError: the message lists those that do not match.
    """
    unequal = []
    for a, b in twins:
        is_same_shape = a.size[0] * b.size[1] == a.size[1] * b.size[0]
        if not (is_same_shape if resizes else a.size == b.size):
            unequal.append(f"{a.path}: {format_size(a.size)}, {b.path}: {format_size(b.size)}")
    if unequal:
        remedy = "make each two show the same area" if resizes else "make each two equal, or give --size"
        raise DatasetError(f"{len(unequal)} pairs are unequal in size; {remedy}:\n{listing(unequal)}")

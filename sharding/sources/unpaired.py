"""Two folders of unrelated images: e.g. summer and winter, photos and paintings. Each sample has one view."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sharding.edges import EdgeOptions
from sharding.inputs import check_equal_splits, find_images, find_splits, fingerprint, list_files, read_headers
from sharding.manifest import DatasetError
from sharding.naming import key_of
from sharding.rendering import ImageOptions, plan_rendering, stored_size
from sharding.sample import SPLITS, Draft, OptionError, Plan, Sample

RECIPE = 1
"""Raised whenever the same files and options would make other bytes."""

Found = dict[str | None, dict[str, Path]]
"""Images by split and stem."""


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
    images: ImageOptions = field(default_factory=ImageOptions)

    def __post_init__(self) -> None:
        given = (self.a is not None, self.b is not None, self.folder is not None)
        if given not in {(True, True, False), (False, False, True)}:
            raise OptionError("Give --a and --b, or --folder in place of both.")
        self.images.check_views({"--view-a": self.view_a, "--view-b": self.view_b})

    def made_by(self) -> dict[str, Any]:
        folders = {name: None if path is None else str(path) for name, path in self._folders().items()}
        options = {**folders, "view_a": self.view_a, "view_b": self.view_b}
        files = {f"{split}/{view}/{path.name}": path for view, split, _, path in self._files()}
        return {
            "source": "unpaired",
            "recipe": RECIPE,
            "options": {**options, **asdict(self.images)},
            "inputs": fingerprint(files),
        }

    def plan(self) -> Plan:
        files = self._files()
        headers = read_headers([path for _, _, _, path in files])
        by_view = {
            view: [header for file, header in zip(files, headers, strict=True) if file[0] == view]
            for view in (self.view_a, self.view_b)
        }
        size = stored_size(headers, self.images)
        rendering = plan_rendering(by_view, size=size, options=self.images, edges=EdgeOptions())

        def encode(draft: Draft) -> Sample:
            return draft.sample(rendering.encode_files(draft.origin))

        # No view's name has a hyphen, so a view and a stem are told apart, and no two keys are equal.
        drafts = [
            Draft(key=key_of(f"{view}-{stem}"), split=split, origin={view: header}, view=view)
            for (view, split, stem, _), header in zip(files, headers, strict=True)
        ]
        return Plan(kind="unpaired", views=rendering.views, classes=rendering.classes, drafts=drafts, encode=encode)

    def _folders(self) -> dict[str, Path | None]:
        return {"a": self.a, "b": self.b, "folder": self.folder}

    def _files(self) -> list[tuple[str, str, str, Path]]:
        """View, split, stem and path of each image."""
        if self.folder is not None:
            found = find_sides(self.folder)
        else:
            assert self.a is not None
            assert self.b is not None
            found = find_splits(self.a), find_splits(self.b)
            check_equal_splits(*found, folders=(self.a, self.b))
        shares = {"val": self.images.val, "test": self.images.test}
        return [
            (view, *file)
            for view, images in zip((self.view_a, self.view_b), found, strict=True)
            for file in list_files(images, **shares)
        ]


def find_sides(folder: Path) -> tuple[Found, Found]:
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
    images_a, images_b = ({split: find_images(path) for split, path in paths.items()} for paths in sides.values())
    return {**images_a}, {**images_b}

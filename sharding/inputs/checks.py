"""What is wrong with files beside each other: names, twins and sizes that do not fit."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sharding.console import counted
from sharding.inputs.catalogue import TRAITS, UNLISTED, Catalogue
from sharding.inputs.splits import SplitOptions
from sharding.work.problems import Problems, Rejected


def reject_unlisted(catalogue: Catalogue, problems: Problems, splits: SplitOptions) -> None:
    """Files whose split is not known."""
    catalogue.reject(
        f"split = '{UNLISTED}'",
        problems=problems,
        headline=("image has", "images have", splits.place),
        reason=f"has {splits.place}",
    )


def reject_duplicates(catalogue: Catalogue, problems: Problems) -> None:
    """Two files of one name but for the suffix."""
    catalogue.reject(
        "(split, stem, view) IN (SELECT split, stem, view FROM file GROUP BY 1, 2, 3 HAVING COUNT(*) > 1)",
        problems=problems,
        headline=(
            "file has",
            "files have",
            "one name with another but for the suffix (or how an accent is spelt); keep one of each",
        ),
        reason="another file has the same name but for the suffix, or looks the same",
    )


def reject_lonely(catalogue: Catalogue, problems: Problems, folders: Mapping[str, Path]) -> None:
    """Files of samples that lack one of the views; `folders` tells where each view's are."""
    others = {view: next(folder for other, folder in folders.items() if other != view) for view in folders}
    views = f"COUNT(DISTINCT view) < {len(folders)}"
    catalogue.reject(
        f"(split, stem) IN (SELECT split, stem FROM file GROUP BY 1, 2 HAVING {views})",
        problems=problems,
        headline=(
            "image has",
            "images have",
            "no twin of the same name; add it, remove them, or tell with --names-a '*_A' --names-b '*_B' which part of "
            "the names (the *) is the same",
        ),
        reason=lambda view, *_: f"has no twin in {others[view]}",
    )


def reject_unequal(catalogue: Catalogue, problems: Problems, *, is_resized: bool) -> None:
    """Pairs of unequal size; if they are resized anyway, one aspect ratio is enough, up to the rounding of sides."""
    resized = "ABS(a.width * b.height - b.width * a.height) < MAX(a.width, a.height, b.width, b.height)"
    same = resized if is_resized else "a.width = b.width AND a.height = b.height"
    pairs = "file a JOIN file b ON a.split = b.split AND a.stem = b.stem AND a.id < b.id"
    catalogue.change(
        f"CREATE TEMP TABLE unequal AS SELECT a.split split, a.stem stem, a.path path, a.width wa, a.height ha, "
        f"b.path other, b.width wb, b.height hb FROM {pairs} WHERE NOT ({same}) ORDER BY a.path"
    )
    rows = catalogue.rows("SELECT path, wa, ha, other, wb, hb FROM unequal")
    found = [Rejected(file=path, reason=f"{wa}x{ha}, {other}: {wb}x{hb}") for path, wa, ha, other, wb, hb in rows]
    catalogue.forget("SELECT split, stem FROM unequal")
    catalogue.change("DROP TABLE unequal")
    remedy = "make each two show the same area" if is_resized else "make each two equal, or give --size"
    problems.add(found, headline=("pair is", "pairs are", f"unequal in size; {remedy}"))


def halve(catalogue: Catalogue, problems: Problems, *, left: str, right: str) -> None:
    """Files, catalogued as `left`, hold two images side by side: make two of each."""
    catalogue.reject(
        "width % 2",
        problems=problems,
        headline=("image is no pair A|B:", "images are no pairs A|B:", "the width is odd"),
        reason=lambda view, width, *_: f"{width} pixels wide",
    )
    catalogue.halves = {left: True, right: False}
    catalogue.change("UPDATE file SET width = width / 2")
    rest = ", ".join(
        ("split", "stem", "path", "num_bytes", "mtime_ns", "is_drawn", "labels", "width", "height", *TRAITS)
    )
    catalogue.change(f"INSERT INTO file (view, {rest}) SELECT ?, {rest} FROM file WHERE view = ?", (right, left))


def settle_splits(catalogue: Catalogue, problems: Problems, views: Sequence[str]) -> None:
    """See to it that each split has images of each view, where names' hashes decide which split they are in.

    A split for validation or the test that lacks a view goes to training, and training takes in such a split if it
    lacks one itself.

    Raises:
        DatasetError: train lacks a view that others have, and the splits are the user's.
    """
    for split in ("test", "val"):
        missing = _missing(catalogue, split, views)
        if 0 < len(missing) < len(views):
            _move_to_train(catalogue, split, problems, why=f"{split} would have no image of {_listed(missing)}")
    for split in ("val", "test"):
        missing = _missing(catalogue, "train", views)
        if missing:
            _move_to_train(catalogue, split, problems, why=f"train would have no image of {_listed(missing)}")
    for split in ("val", "test"):
        missing = _missing(catalogue, split, views)
        if 0 < len(missing) < len(views):
            problems.notes.append(f"{split} has no image of {_listed(missing)}, so it cannot be scored; add some.")
    missing = _missing(catalogue, "train", views)
    if 0 < len(missing) < len(views):
        raise problems.nothing_left(
            f"No usable image of {_listed(missing)} is in train; put some there, in the folders or in --split-list."
        )


def _missing(catalogue: Catalogue, split: str, views: Sequence[str]) -> list[str]:
    there = {view for (view,) in catalogue.rows("SELECT DISTINCT view FROM file WHERE split = ?", (split,))}
    return [view for view in views if view not in there]


def _move_to_train(catalogue: Catalogue, split: str, problems: Problems, *, why: str) -> None:
    drawn = "FROM file WHERE split = ? AND is_drawn"
    count = next(catalogue.rows(f"SELECT COUNT(*) {drawn}", (split,)))[0]
    if count:
        catalogue.change("UPDATE file SET split = 'train' WHERE split = ? AND is_drawn", (split,))
        images_are = counted(count, f"image of {split} is", f"images of {split} are")
        problems.notes.append(
            f"{why}, so {images_are} in train: there are too few for --val and --test; give larger "
            "shares, or --split-list."
        )


def _listed(views: Sequence[str]) -> str:
    return f"view {' and '.join(map(repr, views))}"

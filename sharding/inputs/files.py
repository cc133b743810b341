"""Find image files and their splits in folders. Nothing is opened; files come one by one, for there may be millions."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sharding.errors import DatasetError
from sharding.format.codec import SUFFIXES
from sharding.work.plan import SPLITS

PLACEHOLDER = "{split}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """An image file, as its folder lists it."""

    path: str
    split: str | None
    """As the folders tell; None where they do not."""
    stem: str
    """Name without suffix; in class folders `<class>/<name>`."""
    num_bytes: int
    mtime_ns: int


def find_splits(folder: Path) -> Iterator[FoundFile]:
    """Images in a folder, or in its splits: sub-folders `train`, `val`, `test`, or where the path says `{split}`.

    Raises:
        DatasetError: no images, both images and splits, or other sub-folders; the message has the remedy.
    """
    for split, path in split_folders(folder).items():
        yield from find_images(path, split=split)


def split_folders(folder: Path) -> dict[str | None, Path]:
    """The folders with the images of each split; that of None where there are no splits."""
    if PLACEHOLDER in str(folder):
        return {**fill_placeholder(folder)}
    sub_folders = {path.name for path in list_folders(folder)}
    splits = [split for split in SPLITS if split in sub_folders]
    strangers = sorted(sub_folders.difference(SPLITS))
    if strangers:
        raise DatasetError(
            f"{folder} holds the sub-folder {strangers[0]!r}, which is none of train, val, test. "
            f"Give the folder with the images itself, or write {PLACEHOLDER} where the splits' names stand."
        )
    if not splits:
        return {None: folder}
    if next(_image_files(folder), None):
        raise DatasetError(f"{folder} holds images beside the sub-folder {splits[0]!r}. Move them into one of them.")
    return {split: folder / split for split in splits}


def find_classes(folder: Path) -> Iterator[FoundFile]:
    """Images in class folders, with stems `<class>/<stem>`; splits as in `find_splits`, above the class folders.

    Raises:
        DatasetError: no class folders, or images beside them, or other folders beside the splits.
    """
    roots: dict[str | None, Path] = {None: folder}
    if PLACEHOLDER in str(folder):
        roots = {**fill_placeholder(folder)}
    else:
        names = {path.name for path in list_folders(folder)}
        if names and names <= set(SPLITS):
            roots = {split: folder / split for split in SPLITS if split in names}
        elif "train" in names:
            raise DatasetError(
                f"{folder} holds the folder 'train' beside {sorted(names.difference(SPLITS))[0]!r}: are they splits or "
                f"classes? Let the splits stand alone in it."
            )
    for split, root in roots.items():
        yield from _find_classes(root, split=split)


def _find_classes(root: Path, *, split: str | None) -> Iterator[FoundFile]:
    classes = list_folders(root)
    stray = next(_image_files(root), None)
    if not classes or stray:
        what = f"the image {stray.name}" if stray else "no sub-folders"
        raise DatasetError(f"{root} holds {what}; --labels folders wants each class in a sub-folder of its own.")
    for path in classes:
        yield from find_images(path, split=split, prefix=f"{path.name}/")


def fill_placeholder(folder: Path) -> dict[str, Path]:
    """The folders that exist where the path says `{split}`. Raises DatasetError if there are none."""
    candidates = {split: Path(str(folder).replace(PLACEHOLDER, split)) for split in SPLITS}
    found = {split: path for split, path in candidates.items() if path.is_dir()}
    if not found:
        raise DatasetError(f"{folder}: none of {', '.join(map(str, candidates.values()))} is a folder.")
    return found


def list_folders(folder: Path) -> list[Path]:
    """The sub-folders, in order. Raises DatasetError if `folder` is none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder. Give the folder that holds the images.")
    with os.scandir(folder) as entries:
        return sorted(Path(entry) for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def check_equal_splits(folder_a: Path, folder_b: Path) -> None:
    """Raises DatasetError if one folder has splits that the other lacks."""
    splits_a, splits_b = split_folders(folder_a).keys(), split_folders(folder_b).keys()
    if splits_a != splits_b:
        names = [", ".join(split or "none" for split in splits) for splits in (splits_a, splits_b)]
        raise DatasetError(
            f"The folders differ in their splits: {folder_a} has {names[0]}; {folder_b} has {names[1]}. "
            f"Give both the same sub-folders."
        )


def find_images(folder: Path, *, split: str | None, prefix: str = "") -> Iterator[FoundFile]:
    """The images directly in `folder`, in any order; other files are none of our business.

    Raises:
        DatasetError: there are none, or there is no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder. Give the folder that holds the images.")
    entry = None
    for entry in _image_files(folder):
        status = entry.stat()
        stem = prefix + entry.name.rpartition(".")[0]
        yield FoundFile(path=entry.path, split=split, stem=stem, num_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
    if entry is None:
        raise DatasetError(f"{folder} holds no images ({' '.join(sorted(SUFFIXES))}).")


def _image_files(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a Path for each of millions is slow
            if suffix in SUFFIXES and not entry.name.startswith(".") and entry.is_file():
                yield entry

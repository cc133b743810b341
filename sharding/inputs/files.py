"""Find image files and their splits in folders. Nothing is opened; files come one by one, for there may be millions."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharding.errors import AbsentError, DatasetError, OptionError
from sharding.format.codec import SUFFIXES
from sharding.inputs.tables import spelling
from sharding.storage.listing import PassedOver, Tally, is_folder, is_hidden, list_files
from sharding.work.plan import SPLITS

PLACEHOLDER = "{split}"
ANY_NAME = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """An image file, as its folder lists it."""

    path: str
    split: str | None
    """As the folders tell; None where they do not."""
    stem: str
    """Name without suffix; in class folders and of nested folders `<folder>/<name>`."""
    num_bytes: int
    mtime_ns: int


@dataclass(frozen=True, kw_only=True)
class FilesOptions:
    """Which files of a folder are taken."""

    recursive: bool = False
    """Take the images of all sub-folders, too; the sub-folder is then a part of a sample's name."""

    def made_by(self) -> dict[str, Any]:
        """The options as JSON values."""
        return {"recursive": self.recursive}


@dataclass(kw_only=True)
class Search:
    """Images that are looked for, and what is passed over on the way."""

    options: FilesOptions = field(default_factory=FilesOptions)
    names: str = ANY_NAME
    """What names without suffix look like: the `*` is the sample's."""
    passed: PassedOver = field(default_factory=PassedOver)
    strangers: Tally = field(default_factory=Tally)
    """Files that are no images by their suffix."""
    unnamed: Tally = field(default_factory=Tally)
    """Images whose names look otherwise than `names` says."""

    def stem(self, place: str, name: str) -> str | None:
        """What the sample of a file is called; None if its name looks otherwise."""
        stem = spelling(name.rpartition(".")[0])
        before, _, after = spelling(self.names).partition(ANY_NAME)
        if len(stem) <= len(before) + len(after) or not (stem.startswith(before) and stem.endswith(after)):
            return None
        return spelling(place) + stem[len(before) : len(stem) - len(after)]


def check_names(option: str, names: str) -> None:
    """Raises OptionError unless there is one `*` for the sample's name, and no folder."""
    if names.count(ANY_NAME) != 1 or "/" in names:
        raise OptionError(f"{option} {names!r}: write one * where the sample's name stands, e.g. '*_A'; no folders.")


def find_splits(folder: Path, search: Search) -> Iterator[FoundFile]:
    """Images in a folder, or in its splits: sub-folders `train`, `val`, `test`, or where the path says `{split}`.

    Raises:
        DatasetError: no images, both images and splits, or other sub-folders; the message has the remedy.
    """
    for split, path in split_folders(folder, search.options).items():
        yield from find_images(path, search, split=split)


def split_folders(folder: Path, options: FilesOptions) -> dict[str | None, Path]:
    """The folders with the images of each split; that of None where there are no splits."""
    if PLACEHOLDER in str(folder):
        return {**fill_placeholder(folder)}
    sub_folders = {path.name: path for path in list_folders(folder)}
    splits = [split for split in SPLITS if split in sub_folders]
    strangers = [path for name, path in sub_folders.items() if name not in SPLITS and first_image(path)]
    if strangers and (splits or not options.recursive):
        remedy = "" if splits else "Add --recursive to take the images of all sub-folders, or give one of them, or "
        raise DatasetError(
            f"{folder} holds the sub-folder {strangers[0].name!r} with images, which is none of train, val, test. "
            f"{remedy or 'Move it away, or '}write {PLACEHOLDER} where the splits' names stand."
        )
    if not splits:
        return {None: folder}
    if next(_image_files(folder, Search()), None):
        raise DatasetError(f"{folder} holds images beside the sub-folder {splits[0]!r}. Move them into one of them.")
    return {split: folder / split for split in splits}


def find_classes(folder: Path, search: Search) -> Iterator[FoundFile]:
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
        yield from _find_classes(root, search, split=split)


def _find_classes(root: Path, search: Search, *, split: str | None) -> Iterator[FoundFile]:
    classes = list_folders(root)
    _, stray = next(_image_files(root, Search()), ("", None))
    if not classes or stray:
        what = f"the image {stray.name}" if stray else "no sub-folders"
        raise DatasetError(f"{root} holds {what}; --labels folders wants each class in a sub-folder of its own.")
    for path in classes:
        yield from find_images(path, search, split=split, prefix=spelling(f"{path.name}/"))


def fill_placeholder(folder: Path) -> dict[str, Path]:
    """The folders that exist where the path says `{split}`. Raises DatasetError if there are none."""
    candidates = {split: Path(str(folder).replace(PLACEHOLDER, split)) for split in SPLITS}
    found = {split: path for split, path in candidates.items() if path.is_dir()}
    if not found:
        raise DatasetError(f"{folder}: none of {', '.join(map(str, candidates.values()))} is a folder.")
    return found


def list_folders(folder: Path) -> list[Path]:
    """The sub-folders, in order. Raises DatasetError if `folder` is none, or cannot be read."""
    _require_folder(folder)
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry) for entry in entries if is_folder(entry) and not is_hidden(entry.name))
    except OSError as error:
        raise _unreadable(folder, error) from error


def check_equal_splits(folder_a: Path, folder_b: Path, options: FilesOptions) -> None:
    """Raises DatasetError if one folder has splits that the other lacks."""
    splits_a, splits_b = split_folders(folder_a, options).keys(), split_folders(folder_b, options).keys()
    if splits_a != splits_b:
        names = [", ".join(split or "none" for split in splits) for splits in (splits_a, splits_b)]
        raise DatasetError(
            f"The folders differ in their splits: {folder_a} has {names[0]}; {folder_b} has {names[1]}. "
            f"Give both the same sub-folders."
        )


def find_images(folder: Path, search: Search, *, split: str | None, prefix: str = "") -> Iterator[FoundFile]:
    """The images in `folder`, in any order; what else lies there is noted.

    Raises:
        DatasetError: there are none, there is no such folder, or some lie in sub-folders that are not entered.
    """
    is_empty = True
    num_others, num_folders = search.strangers.count, search.passed.folders.count
    for place, entry in _image_files(folder, search):
        stem = search.stem(place, entry.name)
        if stem is None:
            search.unnamed.add(entry.path)
            continue
        is_empty = False
        yield _found(entry, split=split, stem=prefix + stem)
    for path in search.passed.folders.paths[num_folders:]:
        try:
            is_meant = first_image(Path(path)) is not None
        except DatasetError as error:
            search.passed.failed[path] = str(error).removeprefix(f"{path} ")
            continue
        if is_meant:
            raise DatasetError(
                f"{path} holds images, and is a sub-folder of the folder to be read. Add --recursive to take the "
                "images of all sub-folders, or move it away."
            )
    if is_empty:
        others = search.strangers.paths[num_others:]
        like = f" named like {search.names}" if search.names != ANY_NAME else ""
        hint = f", but {Path(others[0]).name}" if others else ""
        raise DatasetError(f"{folder} holds no images{like} ({' '.join(sorted(SUFFIXES))}){hint}.")


def _found(entry: os.DirEntry[str], *, split: str | None, stem: str) -> FoundFile:
    """What the folder tells of a file; whoever opens it says what is wrong with one that cannot be asked."""
    try:
        status = entry.stat()
    except OSError:
        return FoundFile(path=entry.path, split=split, stem=stem, num_bytes=0, mtime_ns=0)
    return FoundFile(path=entry.path, split=split, stem=stem, num_bytes=status.st_size, mtime_ns=status.st_mtime_ns)


def first_image(folder: Path) -> str | None:
    """The path of an image in a folder or below it; None if there is none.

    Raises:
        DatasetError: none is found, and not all folders can be read.
    """
    search = Search(options=_ALL)
    found = next((entry.path for _, entry in _image_files(folder, search)), None)
    unreadable = next((path for path, reason in search.passed.failed.items() if reason.startswith("cannot")), None)
    if found is None and unreadable is not None:
        raise DatasetError(f"{unreadable} {search.passed.failed[unreadable]}")
    return found


_ALL = FilesOptions(recursive=True)


def _image_files(folder: Path, search: Search) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Whatever is called an image; the names of the others go to `search`."""
    _require_folder(folder)
    try:
        for place, entry in list_files(folder, recursive=search.options.recursive, passed=search.passed):
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a Path for each of millions is slow
            if suffix in SUFFIXES:
                yield place, entry
            else:
                search.strangers.add(entry.path)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise AbsentError(f"{folder} is no folder. Give the folder that holds the images.")


def _unreadable(folder: Path, error: OSError) -> DatasetError:
    return DatasetError(f"{folder} cannot be read ({error.strerror}). Give a folder of images that you may read.")

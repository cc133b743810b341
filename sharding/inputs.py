"""Find image files and their splits in folders, and look at their headers before anything is decoded."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sharding.codec import SUFFIXES, Header, read_header
from sharding.manifest import DatasetError
from sharding.problems import listing
from sharding.sample import SPLITS

PLACEHOLDER = "{split}"

Item = TypeVar("Item")


def find_splits(folder: Path) -> dict[str | None, dict[str, Path]]:
    """Images by split and stem. The split is None where the folder has no splits.

    Splits are sub-folders `train`, `val`, `test`, or stand where the path says `{split}`.

    Raises:
        DatasetError: no images, both images and splits, or other sub-folders; the message has the remedy.
    """
    if PLACEHOLDER in str(folder):
        return {split: find_images(path) for split, path in fill_placeholder(folder).items()}
    sub_folders = {path.name for path in list_folders(folder)}
    splits = [split for split in SPLITS if split in sub_folders]
    strangers = sorted(sub_folders.difference(SPLITS))
    if strangers:
        raise DatasetError(
            f"{folder} holds the sub-folder {strangers[0]!r}, which is none of train, val, test. "
            f"Give the folder with the images itself, or write {PLACEHOLDER} where the splits' names stand."
        )
    if not splits:
        return {None: find_images(folder)}
    if _image_files(folder):
        raise DatasetError(f"{folder} holds images beside the sub-folder {splits[0]!r}. Move them into one of them.")
    return {split: find_images(folder / split) for split in splits}


def find_classes(folder: Path) -> dict[str | None, dict[str, Path]]:
    """Images in class folders, by split and `<class>/<stem>`; splits as in `find_splits`, above the class folders.

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
    return {split: _find_classes(root) for split, root in roots.items()}


def _find_classes(root: Path) -> dict[str, Path]:
    classes = list_folders(root)
    stray = _image_files(root)
    if not classes or stray:
        what = f"the image {stray[0].name}" if stray else "no sub-folders"
        raise DatasetError(f"{root} holds {what}; --labels folders wants each class in a sub-folder of its own.")
    return {f"{path.name}/{stem}": image for path in classes for stem, image in find_images(path).items()}


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
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def find_images(folder: Path) -> dict[str, Path]:
    """The images directly in `folder`, by stem, in order; other files are none of our business."""
    images: dict[str, Path] = {}
    twice = []
    for path in _image_files(folder):
        if path.stem in images:
            twice.append(f"{images[path.stem]} and {path.name}")
        images[path.stem] = path
    if twice:
        raise DatasetError(f"Files with one name but for the suffix; keep one of each:\n{listing(twice)}")
    if not images:
        raise DatasetError(f"{folder} holds no images ({' '.join(sorted(SUFFIXES))}).")
    return images


def _image_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def name_splits(
    found: Mapping[str | None, Mapping[str, Item]], *, val: float, test: float
) -> dict[str, dict[str, Item]]:
    """Items by split and stem; where the folders tell no split, the stems do (see `assign_splits`)."""
    splits: dict[str, dict[str, Item]] = {split: {} for split in SPLITS}
    for split, items in found.items():
        assigned = assign_splits(items, val=val, test=test)
        for stem, item in items.items():
            splits[split or assigned[stem]][stem] = item
    return {split: items for split, items in splits.items() if items}


def check_equal_splits(
    found_a: Mapping[str | None, Any], found_b: Mapping[str | None, Any], *, folders: tuple[Path, Path]
) -> None:
    """Raises DatasetError if one folder has splits that the other lacks."""
    if found_a.keys() != found_b.keys():
        splits = [", ".join(split or "none" for split in found) for found in (found_a, found_b)]
        raise DatasetError(
            f"The folders differ in their splits: {folders[0]} has {splits[0]}; {folders[1]} has {splits[1]}. "
            f"Give both the same sub-folders."
        )


def list_files(
    found: Mapping[str | None, Mapping[str, Path]], *, val: float, test: float
) -> list[tuple[str, str, Path]]:
    """Split, stem and path of each image."""
    splits = name_splits(found, val=val, test=test)
    return [(split, stem, path) for split, images in splits.items() for stem, path in images.items()]


def assign_splits(stems: Collection[str], *, val: float, test: float) -> dict[str, str]:
    """A split for each stem by the rank of its hash: exact shares, whatever the order or the folder.

    A share above 0 gets at least one sample if there are three or more.
    """
    ranked = sorted(stems, key=lambda stem: hashlib.sha256(stem.encode()).digest())
    counts = {}
    for split, share in (("test", test), ("val", val)):
        least = 1 if share > 0 and len(ranked) >= len(SPLITS) else 0
        counts[split] = max(least, round(share * len(ranked)))
    names = ["test"] * counts["test"] + ["val"] * counts["val"]
    return {stem: names[rank] if rank < len(names) else "train" for rank, stem in enumerate(ranked)}


def fingerprint(files: Mapping[str, Path]) -> dict[str, Any]:
    """Number of files, and a hash over names, sizes and times of change: another input gives another value."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        status = path.stat()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return {"num_files": len(files), "sha256": digest.hexdigest()}


def read_headers(paths: Sequence[Path]) -> list[Header]:
    """One header per file.

    Raises:
        DatasetError: files that are no images; the message lists them.
    """

    def read(path: Path) -> Header | str:
        try:
            return read_header(path)
        except DatasetError as error:
            return str(error)
        except OSError as error:
            return f"{path}: {error.strerror}"

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(read, paths))
    broken = [result for result in results if isinstance(result, str)]
    if broken:
        raise DatasetError(f"{len(broken)} files are no images; remove or replace them:\n{listing(broken)}")
    return [result for result in results if isinstance(result, Header)]


def check_equal_sizes(headers: Sequence[Header], *, remedy: str) -> tuple[int, int]:
    """The size that all images have.

    Raises:
        DatasetError: they differ; the message lists those that differ from the most common size.
    """
    common, _ = Counter(header.size for header in headers).most_common(1)[0]
    others = [f"{header.path}: {format_size(header.size)}" for header in headers if header.size != common]
    if others:
        raise DatasetError(
            f"{len(others)} of {len(headers)} images are not {format_size(common)} pixels like most; {remedy}:\n"
            f"{listing(others)}"
        )
    return common


def format_size(size: tuple[int, int]) -> str:
    """`512x256`."""
    return f"{size[0]}x{size[1]}"

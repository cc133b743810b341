"""Tell what lies in the folders of a data set and was not taken: nothing that looks like a picture goes in silence."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sharding.console import counted, one_line
from sharding.format.codec.kinds import is_npy, is_tiff
from sharding.format.names import name_bytes
from sharding.inputs.catalogue import Catalogue
from sharding.storage.files import open_regular
from sharding.work.problems import Headline, Problems, Rejected

_MOST_NAMED = 5
_RAW = frozenset({".arw", ".cr2", ".dng", ".nef"})
_SUFFIXES = _RAW | {".avif", ".exr", ".gif", ".hdr", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jxl", ".npz", ".pbm"}
_SUFFIXES |= {".pgm", ".ppm", ".psd", ".tga"}
"""Endings of pictures that are not read."""
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")
_LONGEST_START = 32


def tell_passed_over(catalogue: Catalogue, problems: Problems) -> None:
    """Note what was passed over: folders that cannot be read as problems, all else for people to read."""
    failed = {path: reason for search in catalogue.searches for path, reason in search.passed.failed.items()}
    problems.add(
        [Rejected(file=path, reason=reason) for path, reason in sorted(failed.items())],
        headline=("folder", "folders", "cannot be entered; make it readable, or remove it"),
    )
    for search in catalogue.searches:
        _note(
            problems,
            search.passed.hidden.paths,
            ("hidden file or folder is", "hidden files and folders are", "passed over"),
            wanted=lambda _: True,
        )
        _note(
            problems,
            search.strangers.paths,
            (
                "file looks like a picture and is",
                "files look like pictures and are",
                "not taken for the suffix; save it as PNG, or name it rightly",
            ),
            wanted=looks_like_picture,
        )
        _note(
            problems,
            search.unnamed.paths,
            ("image is", "images are", f"not taken: no name like {search.names}"),
            wanted=lambda path: not _is_taken(catalogue, path),
        )


def looks_like_picture(path: str) -> bool:
    """Whether the suffix or the first bytes of a file are those of a picture of any kind."""
    if Path(path).suffix.lower() in _SUFFIXES:
        return True
    try:
        with open_regular(Path(path), follow_links=True) as file:
            start = file.read(_LONGEST_START)
    except OSError:
        return False
    is_webp = start.startswith(b"RIFF") and start[8:12] == b"WEBP"
    return start.startswith(_STARTS) or is_webp or is_tiff(start) or is_npy(start)


def _is_taken(catalogue: Catalogue, path: str) -> bool:
    found = catalogue.rows("SELECT 1 FROM file WHERE path = CAST(? AS TEXT) LIMIT 1", (name_bytes(path),))
    return next(found, None) is not None


def _note(problems: Problems, paths: Sequence[str], what: Headline, *, wanted: Callable[[str], bool]) -> None:
    found = sorted(path for path in paths if wanted(path))
    if found:
        more = ", ..." if len(found) > _MOST_NAMED else ""
        one, many, rest = what
        problems.notes.append(
            f"{counted(len(found), one, many)} {rest}: {', '.join(map(one_line, found[:_MOST_NAMED]))}{more}"
        )

"""What `diptych translate` will read and write, settled before any network is loaded. Imports no torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Literal

from sharding.console import counted
from sharding.format.manifest import View
from sharding.storage.files import refuse_link
from sharding.storage.listing import PassedOver, is_hidden, list_files
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.inference.journal import Journal
from trainer.inference.manner import PLAIN, Manner
from trainer.inference.media.kinds import is_known, result_name

Direction = Literal["a2b", "b2a"]

MOST_VARIATIONS = 100_000  # files of one call: all are named, and looked for, before the first is made


@dataclass(frozen=True, kw_only=True)
class TranslationPlan:
    """Sources and targets of one call."""

    targets: dict[Path, list[Path]]
    """Picture to read -> files to write, at the same place below the destination: one for each variation."""
    others: tuple[Path, ...]
    """Files that are no pictures by their names."""
    hidden: tuple[Path, ...] = ()
    """Hidden files and folders, which are passed over as `diptych shard` does; the first thousand."""
    failed: Mapping[Path, str] = field(default_factory=dict)
    """Folders below the source that cannot be entered: the reason for each."""


def result_view(subject: Subject, *, direction: Direction) -> View:
    """The view, as stored, that results are files of."""
    data = subject.data
    name = data.view_a if direction == "b2a" and subject.pairing != "single" else data.view_b
    return subject.manifest.views[name]


def plan_translation(
    source: Path,
    destination: Path,
    *,
    suffix: str,
    overwrite: bool,
    num: int = 1,
    manner: Manner = PLAIN,
    journal: Journal | None = None,
) -> TranslationPlan:
    """Pair each picture in `source`, a folder with all below it or one picture, with a file in `destination`.

    Args:
        num: files for each, of as many variations: of two or more NAME-1, NAME-2, ..., with zeros in front from 10 on.
        suffix: of the files to write: see `result_suffix`. A TIFF that says where it lies on Earth becomes one.
        journal: of the folder; what it says is ours may be there.
        manner: with uncertainty `num` is not of files: each picture has one, and NAME-uncertainty.tif.

    Raises:
        ConfigError: there is nothing to translate, there are too many variations, two pictures would become one file,
            the destination lies in the source, a folder below it is a link, or a file would be overwritten: one to be
            read, or another without `overwrite`.
    """
    passed = PassedOver()
    files, root = _find_files(source, passed)
    _reject_nested(root, destination, is_file=not source.is_dir())
    pictures = _pictures_of(files, source)
    num = num if manner.uncertainty == "none" else 1
    if num > 1 and len(pictures) * num > MOST_VARIATIONS:
        remedy = (
            f"of {counted(len(pictures), 'picture')} makes {len(pictures) * num} files, of at most {MOST_VARIATIONS}"
        )
        raise ConfigError("num", num, f"{remedy}; use {max(1, MOST_VARIATIONS // len(pictures))} or fewer.")
    targets = {file: _targets(file, destination / file.relative_to(root), suffix, num, manner) for file in pictures}
    _reject_collisions(targets)
    _reject_links(targets, destination)
    if not overwrite:
        _reject_existing(targets, journal)
    return TranslationPlan(
        targets=targets,
        others=tuple(file for file in files if file not in targets),
        hidden=tuple(sorted(map(Path, passed.hidden.paths))),
        failed={Path(path): reason for path, reason in sorted(passed.failed.items())},
    )


def find_pictures(source: Path) -> list[Path]:
    """The pictures in a folder with all below it, sorted, or one. Raises ConfigError if there is none."""
    files, _ = _find_files(source, PassedOver())
    return _pictures_of(files, source)


def _pictures_of(files: list[Path], source: Path) -> list[Path]:
    pictures = [file for file in files if is_known(file)]
    if not pictures:
        raise ConfigError("in", str(source), f"holds no picture that can be read among {counted(len(files), 'file')}.")
    return pictures


def _find_files(source: Path, passed: PassedOver) -> tuple[list[Path], Path]:
    """All files, sorted, and the folder that their relative names begin at."""
    if source.is_file():
        return [source], source.parent
    if not source.exists() and has_magic(str(source)):
        return _matching(source)
    if not source.is_dir():
        raise ConfigError("in", str(source), "does not exist; give a folder of pictures, or one picture.")
    try:
        found = list_files(source, recursive=True, passed=passed)
        return sorted(source / place / entry.name for place, entry in found), source
    except OSError as error:
        raise ConfigError("in", str(source), f"cannot be read ({error.strerror}); give another folder.") from error


def _matching(pattern: Path) -> tuple[list[Path], Path]:
    """The files that a pattern matches, sorted, and the folder before its first wildcard."""
    parts = pattern.parts
    fixed = next(number for number, part in enumerate(parts) if has_magic(part))
    root = Path(*parts[:fixed])
    files = sorted(file for file in root.glob(str(Path(*parts[fixed:]))) if file.is_file() and not is_hidden(file.name))
    if not files:
        raise ConfigError("in", str(pattern), "matches no file; give a folder, a picture, or another pattern.")
    return files, root


def _reject_nested(root: Path, destination: Path, *, is_file: bool) -> None:
    """Refuse nested folders: the next call would take this one's results for its input."""
    inside, outside = destination.resolve(), root.resolve()
    if inside == outside or (not is_file and inside.is_relative_to(outside)):
        raise ConfigError("out", str(destination), f"lies in the folder to be read, {root}; choose another one.")
    if destination.exists() and not destination.is_dir():
        raise ConfigError("out", str(destination), "is a file; give a folder.")


def _targets(file: Path, place: Path, suffix: str, num: int, manner: Manner) -> list[Path]:
    """The files of one picture. `place`: its own below the destination."""
    target = place.with_name(result_name(file, suffix=suffix))
    if manner.uncertainty == "none":
        return _varied(target, num)
    return [target, target.with_name(f"{target.stem}-uncertainty.tif")]


def _varied(target: Path, num: int) -> list[Path]:
    """The files of all variations of one picture."""
    if num == 1:
        return [target]
    digits = len(str(num))
    stem, _, ending = target.name.partition(".nii") if target.name.endswith(".nii.gz") else (target.stem, "", "")
    suffix = f".nii{ending}" if ending else target.suffix
    return [target.with_name(f"{stem}-{number:0{digits}d}{suffix}") for number in range(1, num + 1)]


def _reject_collisions(targets: dict[Path, list[Path]]) -> None:
    sources = {file.resolve() for file in targets}
    first: dict[Path, Path] = {}
    for file, target in ((file, target) for file, made in targets.items() for target in made):
        if target in first:
            raise ConfigError("in", str(file), f"and {first[target]} would both become {target}; rename one of them.")
        if target.resolve() in sources:
            raise ConfigError("out", str(target), "is one of the pictures to be read; choose another folder.")
        first[target] = file


def _reject_links(targets: dict[Path, list[Path]], destination: Path) -> None:
    """Folders below the destination, which may be a stranger's: what is written there would lie elsewhere."""
    inside = {folder for made in targets.values() for folder in made[0].relative_to(destination).parents}
    for folder in sorted(inside - {Path()}):
        refuse_link(destination / folder, error=partial(ConfigError, "out", str(destination)))


def _reject_existing(targets: dict[Path, list[Path]], journal: Journal | None) -> None:
    results = [target for made in targets.values() for target in made]
    foreign = (target for target in results if journal is None or not journal.is_ours(target))
    existing = [target for target in foreign if os.path.lexists(target)]
    if existing:
        raise ConfigError(
            "out",
            str(existing[0]),
            f"exists, and in all {len(existing)} of {counted(len(results), 'result')}; use another folder or "
            "--overwrite.",
        )

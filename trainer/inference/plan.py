"""What `diptych translate` will read and write, settled before any network is loaded. Imports no torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from sharding.console import counted
from sharding.format.manifest import View
from sharding.storage.files import refuse_link
from sharding.storage.listing import PassedOver
from sharding.storage.place import Place
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.inference.finding import find_files, pictures_of
from trainer.inference.journal import Journal
from trainer.inference.manner import PLAIN, Manner
from trainer.inference.media.kinds import result_name
from trainer.inference.shards.listing import Listing
from trainer.inference.sources import Source

Direction = Literal["a2b", "b2a"]

MOST_VARIATIONS = 100_000  # files of one call: all are named, and looked for, before the first is made


@dataclass(frozen=True, kw_only=True)
class TranslationPlan:
    """Sources and targets of one call."""

    targets: dict[Source, list[Path]]
    """Picture to read -> files to write, at the same place below the destination: one for each variation."""
    others: tuple[Path, ...]
    """Files that are no pictures by their names."""
    hidden: tuple[Path, ...] = ()
    """Hidden files and folders, which are passed over as `diptych shard` does; the first thousand."""
    failed: Mapping[Path, str] = field(default_factory=dict)
    """Folders below the source that cannot be entered: the reason for each."""


def view_names(subject: Subject, *, direction: Direction, label: str | None = None) -> tuple[str, str]:
    """The view that pictures are read as, and the one that results are files of."""
    data = subject.data
    if label is not None or subject.pairing == "single":
        return data.view_b, data.view_b
    return (data.view_b, data.view_a) if direction == "b2a" else (data.view_a, data.view_b)


def result_view(subject: Subject, *, direction: Direction) -> View:
    """The view, as stored, that results are files of."""
    return subject.manifest.views[view_names(subject, direction=direction)[1]]


def plan_translation(
    source: Place,
    destination: Path,
    *,
    suffix: str,
    overwrite: bool,
    num: int = 1,
    manner: Manner = PLAIN,
    journal: Journal | None = None,
    listing: Listing | None = None,
) -> TranslationPlan:
    """Pair each picture in `source`, a folder with all below it, one picture, or shards, with a file in `destination`.

    Args:
        num: files for each, of as many variations: of two or more NAME-1, NAME-2, ..., with zeros in front from 10 on.
        suffix: of the files to write: see `result_suffix`. A TIFF that says where it lies on Earth becomes one.
        journal: of the folder; what it says is ours may be there.
        manner: with uncertainty `num` is not of files: each picture has one, and NAME-uncertainty.tif.
        listing: of the samples, where `source` is shards: each is called after its key, below its split if there are
            several.

    Raises:
        ConfigError: there is nothing to translate, there are too many variations, two pictures would become one file,
            the destination lies in the source, a folder below it is a link, or a file would be overwritten: one to be
            read, or another without `overwrite`.
    """
    passed = PassedOver()
    files: list[Path] = []
    if listing is not None:
        root = source if isinstance(source, Path) and source.is_dir() else None
        places: dict[Source, Path] = dict(zip(listing.members, listing.places, strict=True))
    else:
        assert isinstance(source, Path)
        files, root = find_files(source, passed)
        places = {file: file.relative_to(root) for file in pictures_of(files, source)}
    _reject_nested(root, destination, is_file=isinstance(source, Path) and not source.is_dir())
    num = num if manner.uncertainty == "none" else 1
    _reject_too_many(len(places), num)
    targets = {file: _targets(file, destination / place, suffix, num, manner) for file, place in places.items()}
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


def _reject_too_many(num_pictures: int, num: int) -> None:
    if num > 1 and num_pictures * num > MOST_VARIATIONS:
        remedy = f"of {counted(num_pictures, 'picture')} makes {num_pictures * num} files, of at most {MOST_VARIATIONS}"
        raise ConfigError("num", num, f"{remedy}; use {max(1, MOST_VARIATIONS // num_pictures)} or fewer.")


def _reject_nested(root: Path | None, destination: Path, *, is_file: bool) -> None:
    """Refuse nested folders: the next call would take this one's results for its input."""
    inside, outside = destination.resolve(), None if root is None else root.resolve()
    if outside is not None and (inside == outside or (not is_file and inside.is_relative_to(outside))):
        raise ConfigError("out", str(destination), f"lies in the folder to be read, {root}; choose another one.")
    if destination.exists() and not destination.is_dir():
        raise ConfigError("out", str(destination), "is a file; give a folder.")


def _targets(file: Source, place: Path, suffix: str, num: int, manner: Manner) -> list[Path]:
    """The files of one picture. `place`: its own below the destination."""
    target = place.with_name(result_name(file, suffix=suffix) if isinstance(file, Path) else f"{place.name}{suffix}")
    if manner.uncertainty == "none":
        return _varied(target, num)
    return [target, target.with_name(f"{target.stem}-uncertainty.tif")]


def _varied(target: Path, num: int) -> list[Path]:
    """The files of all variations of one picture."""
    if num == 1:
        return [target]
    digits = len(str(num))
    packed = next((each for each in (".nii.gz", ".ome.tif") if target.name.endswith(each)), target.suffix)
    stem = target.name.removesuffix(packed)
    return [target.with_name(f"{stem}-{number:0{digits}d}{packed}") for number in range(1, num + 1)]


def _reject_collisions(targets: dict[Source, list[Path]]) -> None:
    sources = {file.resolve() for file in targets if isinstance(file, Path)}
    first: dict[Path, Source] = {}
    for file, target in ((file, target) for file, made in targets.items() for target in made):
        if target in first:
            raise ConfigError("in", str(file), f"and {first[target]} would both become {target}; rename one of them.")
        if target.resolve() in sources:
            raise ConfigError("out", str(target), "is one of the pictures to be read; choose another folder.")
        first[target] = file


def _reject_links(targets: dict[Source, list[Path]], destination: Path) -> None:
    """Folders below the destination, which may be a stranger's: what is written there would lie elsewhere."""
    inside = {folder for made in targets.values() for folder in made[0].relative_to(destination).parents}
    for folder in sorted(inside - {Path()}):
        refuse_link(destination / folder, error=partial(ConfigError, "out", str(destination)))


def _reject_existing(targets: dict[Source, list[Path]], journal: Journal | None) -> None:
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

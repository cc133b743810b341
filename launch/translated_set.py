"""A data set whose samples are those of another, or of tars, with their translation as one more view."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sharding.errors import DatasetError
from sharding.format.manifest import ClassInfo, LabelInfo, View
from sharding.format.manifest_file import manifest_digest
from sharding.format.names import check_view_name, key_of
from sharding.work.crew import Crew
from sharding.work.plan import Draft, Plan, Sample
from sharding.work.problems import Problems
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.inference.journal import FILE_NAME
from trainer.inference.plan import Direction, view_names
from trainer.inference.shards.listing import Listing
from trainer.inference.shards.member import Member, SetSplit, reader_of
from trainer.inference.sources import read_source
from trainer.pictures.files import UnreadablePictureError
from trainer.pictures.kinds import result_suffix

_OF_TARS = "train"
"""The split that samples of plain tars are put in."""


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Makes a sample: kept views byte for byte, and the file of its translation. It can be pickled."""

    kept: tuple[str, ...]
    made: str
    """The view that the translation becomes."""
    views: Mapping[str, View]
    classes: Sequence[ClassInfo]

    def __call__(self, draft: Draft) -> Sample:
        """Raises DatasetError where there is no translation, or the sample cannot be read."""
        member, file = draft.origin
        try:
            translation = file.read_bytes()
        except FileNotFoundError as error:
            raise DatasetError(f"{member} was not translated") from error
        if isinstance(member.origin, SetSplit):
            reader = reader_of(replace(member.origin, views=self.kept))
            files = reader.read(*member.place)
        else:
            files = {name: self._stored(member, self.views[name]) for name in self.kept}
        members = {self.views[name].extension: content for name, content in files.items()}
        return draft.sample({**members, self.views[self.made].extension: translation})

    def _stored(self, member: Member, view: View) -> bytes:
        """A picture of a plain tar, in the type that the run reads: files of a view are of one kind."""
        from trainer.pictures.stored import encode_stored

        try:
            return encode_stored(read_source(member, view=view, classes=self.classes), view=view, classes=self.classes)
        except UnreadablePictureError as error:
            raise DatasetError(f"{member} {error}") from error


@dataclass(frozen=True, kw_only=True)
class TranslatedSet:
    """See `Source`."""

    listing: Listing
    files: Mapping[Member, Path]
    """The translation of each sample."""
    views: Mapping[str, View]
    """The kept ones, then the made one."""
    classes: Sequence[ClassInfo]
    recipe: Mapping[str, Any]
    """Which run translated, and how."""

    def made_by(self) -> dict[str, Any]:
        manifest = self.listing.manifest
        of = _digest(self.listing.members) if manifest is None else manifest_digest(manifest)
        view = {"view": self.listing.view, "splits": sorted({member.split for member in self.listing.members})}
        return {"source": "translated", "of": of, **view, **self.recipe}

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        *kept, made = self.views
        encode = Encoder(kept=tuple(kept), made=made, views=self.views, classes=self.classes)
        return Plan(
            views=dict(self.views), classes=self.classes, labels=self._labels, drafts=self._drafts(), encode=encode
        )

    @cached_property
    def _labels(self) -> Mapping[str, LabelInfo]:
        return {} if self.listing.manifest is None else self.listing.manifest.labels

    def _drafts(self) -> list[Draft]:
        return [
            Draft(
                key=member.key if member.split else key_of(member.key),
                split=member.split or _OF_TARS,
                origin=(member, self.files[member]),
                labels=member.labels(tuple(self._labels)),
            )
            for member in self.listing.members
        ]


def _digest(members: Sequence[Member]) -> str:
    digest = hashlib.sha256()
    for member in members:
        digest.update(json.dumps([member.key, *member.state]).encode())
    return digest.hexdigest()


def views_of(
    listing: Listing, subject: Subject, *, direction: Direction, label: str | None, name: str | None
) -> tuple[dict[str, View], Sequence[ClassInfo]]:
    """The views of the set that is made of a listing, the translation last, and its classes.

    Raises:
        ConfigError: the name is taken, sizes or classes would not fit together.
        OptionError: the name cannot be a view's.
    """
    names = view_names(subject, direction=direction, label=label)
    source, made = (subject.manifest.views[each] for each in names)
    name = name or f"translated_{names[1]}"
    check_view_name("--out-view", name)
    manifest = listing.manifest
    if manifest is None:
        original = replace(source, extension=f"original{result_suffix(source)}", width=None, height=None)
        kept, classes = {"original": original}, subject.manifest.classes
    else:
        beside = [listing.view] if manifest.kind == "unpaired" else list(manifest.views)
        kept, classes = {each: manifest.views[each] for each in beside}, manifest.classes or subject.manifest.classes
    if name in kept:
        raise ConfigError("out_view", name, f"is a view of the samples already: {', '.join(kept)}; give another name.")
    are_ours = list(classes) == list(subject.manifest.classes)
    if made.content == "classes" and not are_ours:
        raise ConfigError("in", listing.view, "is of a data set with other classes than the run's; translate to files.")
    like = kept[listing.view if manifest is not None else "original"]
    _check_sizes(subject, like)
    view = replace(
        made,
        extension=f"{name}{result_suffix(made)}",
        width=like.width,
        height=like.height,
        renders_classes=made.renders_classes and are_ours,
    )
    needed = any(each.content == "classes" or each.renders_classes for each in (*kept.values(), view))
    return {**kept, name: view}, classes if needed else ()


def _check_sizes(subject: Subject, view: View) -> None:
    side = min(subject.data.crop_shape)
    if subject.method.fixed_size and (view.width, view.height) != (side, side):
        raise ConfigError(
            "out_format",
            "shards",
            f"method.name = {subject.method.name!r} makes {side}x{side} pixels, and the views of a data set are of one "
            "size: translate to files, or shard the inputs in that size.",
        )


def remove_waiting(folder: Path, files: Mapping[Member, Path]) -> None:
    """Remove the translations that were packed, their journal, and the folders that are empty then."""
    for file in (*files.values(), folder / FILE_NAME):
        file.unlink(missing_ok=True)
    below = [path for path in folder.rglob("*") if path.is_dir()]
    for path in (*sorted(below, key=lambda path: len(path.parts), reverse=True), folder):
        with suppress(OSError):  # what is not empty holds what is not ours
            path.rmdir()

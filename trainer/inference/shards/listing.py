"""Which samples `--in` means: those of a data set, or of WebDataset tars. Imports no torch."""

import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path, PurePosixPath

from sharding.format.bounds import MOST_MEMBER_BYTES
from sharding.format.manifest import FILE_NAME, Manifest
from sharding.format.manifest_file import read_manifest
from sharding.storage.place import Place, Url
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.inference.finding import matching
from trainer.inference.shards.asked import PACKED, Split
from trainer.inference.shards.member import Member, SetSplit, reader_of
from trainer.pictures.files import picture_suffixes

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST_TARS = 100_000


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Samples to be translated."""

    members: Sequence[Member]
    manifest: Manifest | None
    """Of the data set; None of plain tars."""
    view: str
    """That is translated: its name in the data set; of plain tars the ending, or empty where they differ."""

    @property
    def places(self) -> Iterator[Path]:
        """Where each sample's results lie below the destination, but for the suffix; of several splits in folders."""
        are_split = len({member.split for member in self.members}) > 1
        return (Path(member.split, member.key) if are_split else Path(member.key) for member in self.members)


def list_shards(source: Place, *, split: Split | None, view: str | None, wanted: str, data: DataConfig) -> Listing:
    """The samples of a data set's split (`test`, if none is asked for) or of all, or of plain tars.

    Args:
        view: that is to be translated; of plain tars the ending of its files, e.g. `input.jpg`.
        wanted: the name that it has in the run, which is taken if none is given.
        data: of the run: the cache that remote shards come through.

    Raises:
        ConfigError: there is no such split, view or file, or a tar is damaged.
        DatasetError: the data set is.
    """
    if isinstance(source, Url) or (source / FILE_NAME).is_file():
        return _of_set(source, split=split or "test", view=view, wanted=wanted, data=data)
    if split is not None:
        raise ConfigError("split", split, "plain tars have no splits; leave it out.")
    members = [member for tar in _tars(source) for member in _of_tar(tar, view=view)]
    if not members:
        raise ConfigError("in", str(source), "holds no sample.")
    endings = {member.view for member in members}
    return Listing(members=members, manifest=None, view=endings.pop() if len(endings) == 1 else "")


def _of_set(place: Place, *, split: Split, view: str | None, wanted: str, data: DataConfig) -> Listing:
    manifest = read_manifest(place)
    view = _chosen_view(manifest, view=view, wanted=wanted)
    filled = [name for name in manifest.splits if manifest.num_samples(name, view)]
    splits = filled if split == "all" else [name for name in filled if name == split]
    if not splits:
        raise ConfigError("split", split, f"{place} has pictures of view {view!r} in: {', '.join(filled) or 'none'}.")
    members: list[Member] = []
    for name in splits:
        origin = SetSplit(
            place if isinstance(place, Url) else place.resolve(),
            name,
            (view,),
            data.cache_folder,
            int(data.cache_limit_gb * 1e9),
        )
        reader = reader_of(origin)
        digests = [shard.sha256 for shard in reader.shards]
        members += [
            Member(
                key=reader.key(shard, index),
                split=name,
                origin=origin,
                view=view,
                place=(shard, index),
                state=(digests[shard], index),
            )
            for shard, num in enumerate(reader.shard_sizes)
            for index in range(num)
        ]
    return Listing(members=members, manifest=manifest, view=view)


def _chosen_view(manifest: Manifest, *, view: str | None, wanted: str) -> str:
    names = ", ".join(sorted(manifest.views))
    if view is not None and view not in manifest.views:
        raise ConfigError("view", view, f"the data set has: {names}.")
    if view is None and wanted not in manifest.views and len(manifest.views) > 1:
        raise ConfigError("view", None, f"the run translates {wanted!r}, and the data set has: {names}; name one.")
    return view or (wanted if wanted in manifest.views else next(iter(manifest.views)))


def _tars(source: Path) -> list[Path]:
    """All that a path, a pattern or a range such as `{000..009}` names, in order."""
    if source.name.lower().endswith(PACKED):
        raise ConfigError("in", str(source), "is a packed tar, of which no sample can be looked up; unpack it first.")
    found: list[Path] = []
    for name in _ranged(str(source)):
        found += matching(Path(name))[0] if has_magic(name) else [Path(name)]
    if absent := [path for path in found if not path.is_file()]:
        raise ConfigError("in", str(absent[0]), "does not exist; give tars that are there, or a pattern in quotes.")
    return found


def _ranged(name: str) -> Iterator[str]:
    found = _RANGE.search(name)
    if found is None:
        yield name
        return
    first, last = int(found[1]), int(found[2])
    if not first <= last < first + _MOST_TARS:
        raise ConfigError("in", name, f"use a range {{FIRST..LAST}} that rises, of at most {_MOST_TARS} tars.")
    for number in range(first, last + 1):
        yield from _ranged(f"{name[: found.start()]}{number:0{len(found[1])}d}{name[found.end() :]}")


def _of_tar(tar: Path, *, view: str | None) -> Iterator[Member]:
    """One picture of each sample: as WebDataset has it, files of one name up to its first dot are a sample."""
    state = tar.stat()
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(tar, "r:") as archive:
            for info in archive:
                if info.isreg() and not info.issparse():
                    key, ending = _split_name(info.name, tar=tar)
                    samples.setdefault(key, {})[ending] = (info.offset_data, info.size)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ConfigError("in", str(tar), f"is no tar, or is damaged ({error}); make it again.") from error
    for key, files in samples.items():
        ending = _chosen_ending(files, view=view, sample=f"{tar}, sample {key!r}")
        yield Member(
            key=key,
            split="",
            origin=tar.resolve(),
            view=ending,
            place=files[ending],
            state=(state.st_size, state.st_mtime_ns, files[ending]),
        )


def _split_name(name: str, *, tar: Path) -> tuple[str, str]:
    """`a/b.input.jpg` -> `a/b`, `input.jpg`."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ConfigError("in", str(tar), f"holds {name!r}, which would lie outside a folder; make it again.")
    key, _, ending = path.name.partition(".")
    return str(path.with_name(key)) if key else str(path), ending.lower()


def _chosen_ending(files: dict[str, tuple[int, int]], *, view: str | None, sample: str) -> str:
    suffixes = picture_suffixes()
    pictures = [ending for ending in files if f".{ending.rpartition('.')[2]}" in suffixes]
    if view is not None:
        pictures = [ending for ending in pictures if ending == view.lower()]
    if len(pictures) != 1:
        raise ConfigError("view", view, f"{sample} has: {', '.join(sorted(files))}; name the ending of one picture.")
    if files[pictures[0]][1] > MOST_MEMBER_BYTES:
        raise ConfigError("in", sample, f"has more than {MOST_MEMBER_BYTES} bytes.")
    return pictures[0]

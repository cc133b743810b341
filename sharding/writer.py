"""Make a data set from a source: encode, write shards, publish when all are whole."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sharding.journal import Workspace, open_workspace
from sharding.manifest import DatasetError, Manifest, read_manifest, write_manifest
from sharding.parallel import map_in_order
from sharding.problems import listing
from sharding.publish import is_already_there, partial_folder, publish, recover
from sharding.sample import SPLITS, Draft, OptionError, Plan, Sample, Source
from sharding.shard_file import write_shard

BYTES_PER_MB = 10**6

Callback = Callable[[int, int], None]
"""Hears how many samples are done, and of how many."""


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """Where the data set goes, and in what pieces."""

    out: Path
    """Folder to make. It appears when the data set is whole, and not before."""
    overwrite: bool = False
    """Replace a different data set that is there."""
    shard_samples: int = 64
    """A shard holds at most this many samples; training shuffles whole shards, so have several."""
    shard_mb: int = 256
    """A shard holds at most about this many megabytes of images."""
    workers: int = len(os.sched_getaffinity(0))
    """Threads that decode and encode images. The shards do not depend on it."""

    def __post_init__(self) -> None:
        for name in ("shard_samples", "shard_mb", "workers"):
            if getattr(self, name) < 1:
                raise OptionError(f"--{name.replace('_', '-')} {getattr(self, name)}: use 1 or more.")


def make_dataset(source: Source, options: WriteOptions, *, progress: Callback) -> tuple[Manifest, bool]:
    """The data set's manifest, and whether it was made now; False: the same set was there already.

    A run that is killed leaves `<out>.partial`, from which the same call continues.

    Raises:
        DatasetError: an input is unusable, the disk is full, or something else is at `out`. Then nothing is left.
    """
    out = options.out.resolve()
    shards = {"max_samples": options.shard_samples, "max_mb": options.shard_mb}
    made_by = {**source.made_by(), "shards": shards, "versions": software_versions()}
    try:
        if is_already_there(out, made_by=made_by, overwrite=options.overwrite):
            return read_manifest(out), False
        return _write(source.plan(), made_by=made_by, out=out, options=options, progress=progress)
    except OSError as error:
        raise DatasetError(f"{error.filename or out}: {error.strerror}. Choose another --out.") from error


def order_drafts(drafts: Iterable[Draft]) -> dict[str, list[Draft]]:
    """The samples of each split, shuffled for good: neighbours on disk must not be neighbours in the world.

    Those of an unpaired data set stay together by view, because a shard holds one view only.
    """
    splits: dict[str, list[Draft]] = {split: [] for split in SPLITS}
    for draft in drafts:
        splits[draft.split].append(draft)
    for members in splits.values():
        members.sort(key=lambda draft: (draft.view or "", hashlib.sha256(draft.key.encode()).digest()))
    return {split: members for split, members in splits.items() if members}


def pack(samples: Iterable[Sample], *, max_samples: int, max_bytes: int) -> Iterator[list[Sample]]:
    """Samples in order, in groups of one view that fit a shard; one larger than a shard is alone in its own."""
    group: list[Sample] = []
    num_bytes = 0
    for sample in samples:
        size = sum(map(len, sample.files().values()))
        is_full = len(group) == max_samples or num_bytes + size > max_bytes
        if group and (is_full or sample.view != group[0].view):
            yield group
            group, num_bytes = [], 0
        group.append(sample)
        num_bytes += size
    if group:
        yield group


def shard_path(split: str, *, view: str | None, number: int) -> str:
    """`train/000000.tar`, or in an unpaired data set `train/summer-000000.tar`."""
    return f"{split}/{f'{view}-' if view else ''}{number:06d}.tar"


def software_versions() -> dict[str, str]:
    """What may change the bytes of a JPEG; recorded, but no reason to make a set again."""
    versions = {}
    for package in ("diptych", "pillow"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _write(
    plan: Plan, *, made_by: dict[str, Any], out: Path, options: WriteOptions, progress: Callback
) -> tuple[Manifest, bool]:
    splits = order_drafts(plan.drafts)
    plan.check()
    content = [(split, d.key, d.view, dict(d.labels)) for split, drafts in splits.items() for d in drafts]
    fingerprint = hashlib.sha256(json.dumps([made_by, content]).encode()).hexdigest()
    workspace = open_workspace(partial_folder(out), fingerprint=fingerprint)
    try:
        recover(out)
        # Once more, now under the lock: another run may have published since the first look.
        if is_already_there(out, made_by=made_by, overwrite=options.overwrite):
            workspace.discard()
            return read_manifest(out), False
        _write_shards(plan, splits, workspace=workspace, options=options, progress=progress)
        manifest = Manifest(
            name=out.name,
            kind=plan.kind,
            views=plan.views,
            classes=list(plan.classes),
            labels=dict(plan.labels),
            splits=workspace.splits,
            made_by=made_by,
        )
        write_manifest(workspace.folder, manifest)
        publish(workspace.folder, out)
    except Exception:
        workspace.discard()
        raise
    workspace.journal.close()
    return manifest, True


def _write_shards(
    plan: Plan, splits: dict[str, list[Draft]], *, workspace: Workspace, options: WriteOptions, progress: Callback
) -> None:
    total = sum(map(len, splits.values()))
    num_done = 0
    problems: list[str] = []

    def encode(draft: Draft) -> Sample | DatasetError:
        try:
            return plan.encode(draft)
        except DatasetError as error:
            return error

    def usable(results: Iterable[Sample | DatasetError]) -> Iterator[Sample]:
        nonlocal num_done
        for result in results:
            if isinstance(result, DatasetError):
                problems.append(str(result))
            elif not problems:  # after the first bad input the rest is only checked, to report all at once
                yield result
            num_done += 1
            progress(num_done, total)

    for split, drafts in splits.items():
        shards = workspace.splits.setdefault(split, [])
        num_kept = sum(shard.num_samples for shard in shards)
        num_done += num_kept
        samples = usable(map_in_order(encode, drafts[num_kept:], workers=options.workers))
        for group in pack(samples, max_samples=options.shard_samples, max_bytes=options.shard_mb * BYTES_PER_MB):
            if not problems:
                view = group[0].view
                number = sum(shard.view == view for shard in shards)
                path = shard_path(split, view=view, number=number)
                workspace.record(split, write_shard(workspace.folder, path, group))
    if problems:
        raise DatasetError(
            f"{len(problems)} of {total} samples cannot be used; remove or replace them:\n{listing(problems)}"
        )

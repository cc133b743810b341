"""Make a data set from a source: encode, write shards, publish when all are whole."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

from sharding.console import counted
from sharding.errors import DatasetError
from sharding.format.manifest import FILE_NAME, REJECTED, Manifest, Shard
from sharding.format.manifest_file import check_manifest, read_manifest, write_manifest
from sharding.format.names import storable
from sharding.work.crew import Crew
from sharding.work.plan import Draft, Plan, Sample, Source
from sharding.work.problems import Problems, write_rejected
from sharding.work.progress import Callback, Tick, adding, unheard
from sharding.work.seen import check_seen, merge_seen
from sharding.writing.drafts import DraftStore, ShardPlan, plan_shards
from sharding.writing.job import ShardJob, make_shard
from sharding.writing.journal import Workspace, open_workspace
from sharding.writing.options import WriteOptions
from sharding.writing.publish import (
    blame,
    check_neighbours,
    is_already_there,
    partial_folder,
    publish,
    recover,
)
from sharding.writing.shard_file import tar_bytes

BYTES_PER_MB = 10**6
NUM_PROBES = 32
"""Samples that are encoded beforehand, to tell how many fit a shard."""
FEW_SAMPLES = 400
"""Up to so many are encoded in this process: starting others takes a second."""


def make_dataset(
    source: Source,
    options: WriteOptions,
    *,
    progress: Callback,
    looking: Callback = unheard,
    notice: Callable[[str], None] = print,
) -> tuple[Manifest, bool]:
    """The data set's manifest, and whether it was made now; False: the same set was there already.

    A run that is killed leaves `<out>.partial`, from which the same call continues.

    Args:
        progress: hears how many samples are done, and of how many.
        looking: the same of inputs that are looked at beforehand.
        notice: hears what people should know of the inputs, line by line.

    Raises:
        DatasetError: an input is unusable, the disk is full, or something else is at `out`. Then nothing is left.
    """
    out = options.out.resolve()
    try:
        made_by = recipe_of(source, options)
        if is_already_there(out, made_by=made_by, overwrite=options.overwrite):
            return read_manifest(out), False
        check_neighbours(out)
        problems = Problems(skip=options.skip_bad)
        with Crew(workers=options.workers, ray=options.ray, looking=looking) as crew:
            plan = source.plan(crew, problems)
            for note in problems.notes:
                notice(note)
            problems.check()
            return _write(
                plan,
                made_by=made_by,
                out=out,
                options=options,
                crew=crew,
                problems=problems,
                progress=progress,
                notice=notice,
            )
    except sqlite3.OperationalError as error:
        raise DatasetError(
            f"The temporary list of files cannot be written ({error}). Make room in the folder for temporary files, or "
            "name another in the variable SQLITE_TMPDIR."
        ) from error
    except OSError as error:
        raise DatasetError(blame(error, out)) from error


def recipe_of(source: Source, options: WriteOptions) -> dict[str, Any]:
    """All that the bytes of the data set follow from."""
    shards = {"max_samples": options.shard_samples, "mb": options.shard_mb}
    recipe = {**source.made_by(), "shards": shards, "skip_bad": options.skip_bad, "versions": software_versions()}
    return storable(recipe)


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
    plan: Plan,
    *,
    made_by: dict[str, Any],
    out: Path,
    options: WriteOptions,
    crew: Crew,
    problems: Problems,
    progress: Callback,
    notice: Callable[[str], None],
) -> tuple[Manifest, bool]:
    check_manifest(_manifest(plan, name=out.name, made_by=made_by, splits={}), path=f"{out / FILE_NAME} to be")
    with DraftStore() as store:
        store.fill(plan)
        workspace = open_workspace(partial_folder(out), fingerprint=store.fingerprint(made_by))
        try:
            check_neighbours(out)
            recover(out)
            # Once more, now under the lock: another run may have published since the first look.
            if is_already_there(out, made_by=made_by, overwrite=options.overwrite):
                workspace.discard()
                return read_manifest(out), False
            _write_shards(
                plan, store, workspace=workspace, options=options, crew=crew, problems=problems, progress=progress
            )
            if not workspace.finished:
                raise problems.nothing_left(f"No sample is left of {len(store)}: all were left out.")
            seen = merge_seen(one.seen for one in workspace.finished)
            for note in check_seen(seen, views=plan.views, classes=plan.classes):
                notice(note)
            manifest = _manifest(plan, name=out.name, made_by=made_by, splits=workspace.splits())
            write_rejected(workspace.folder / REJECTED, problems.rejected)
            write_manifest(workspace.folder, manifest)
            publish(workspace.folder, out)
        except Exception:
            workspace.discard()
            raise
        workspace.journal.close()
    return manifest, True


def _manifest(plan: Plan, *, name: str, made_by: dict[str, Any], splits: dict[str, list[Shard]]) -> Manifest:
    return Manifest(
        name=storable(name),
        kind=plan.kind,
        views=plan.views,
        classes=list(plan.classes),
        labels=dict(plan.labels),
        splits=splits,
        made_by=made_by,
    )


def _write_shards(
    plan: Plan,
    store: DraftStore,
    *,
    workspace: Workspace,
    options: WriteOptions,
    crew: Crew,
    problems: Problems,
    progress: Callback,
) -> None:
    total = len(store)
    tick = adding(progress, total=total)
    finished = {one.shard.path for one in workspace.finished}
    encoding = [one for done in workspace.finished for one in done.rejected]
    is_small = total <= FEW_SAMPLES
    shards = _plan_shards(store, options, mean_bytes=_mean_bytes(plan, store, crew=crew, is_small=is_small))

    def unfinished() -> Iterator[ShardPlan]:
        for shard in shards:
            if shard.path in finished:
                tick(len(shard.drafts))
            else:
                # After a bad one, the others are only checked, to report all at once.
                yield replace(shard, is_only_checked=bool(encoding) and not problems.skip)

    job = ShardJob(folder=workspace.folder, encode=plan.encode, skip_bad=options.skip_bad)
    # Closed, whatever happens: nobody may still write where what is half done is thrown away.
    with closing(crew.run(make_shard, job, unfinished(), tick=tick, is_small=is_small)) as results:
        for one in results:
            encoding += one.rejected
            if one.finished is not None:
                if options.ray is not None:
                    _check_visible(workspace.folder / one.finished.shard.path, one.finished.shard.num_bytes)
                workspace.record(one.finished)
    encoding.sort(key=lambda one: one.file)
    of_all = f"of {counted(total, 'sample')}"
    problems.add(encoding, headline=(of_all, of_all, "cannot be used; remove or replace them"))
    problems.check()


def _plan_shards(store: DraftStore, options: WriteOptions, *, mean_bytes: float) -> Iterator[ShardPlan]:
    """The shards that the options ask for, of which samples whose size nobody knows have the mean."""
    return plan_shards(
        store,
        max_samples=options.shard_samples,
        max_bytes=options.shard_mb * BYTES_PER_MB,
        num_bytes=partial(_num_bytes, mean=mean_bytes),
    )


def _num_bytes(draft: Draft, *, mean: float) -> float:
    return mean if draft.num_bytes is None else draft.num_bytes


def _mean_bytes(plan: Plan, store: DraftStore, *, crew: Crew, is_small: bool) -> float:
    """The mean size of the first samples that can be encoded. The same for the same plan, so shards are cut alike."""
    probes = [draft for draft in islice(store, NUM_PROBES) if draft.num_bytes is None]
    found = crew.run(_encoded_bytes, plan.encode, probes, tick=lambda number: None, is_small=is_small)
    sizes = [size for size in found if size is not None]
    return sum(sizes) / len(sizes) if sizes else 0.0


def _encoded_bytes(encode: Callable[[Draft], Sample], draft: Draft, *, tick: Tick) -> int | None:
    """What a sample takes in a shard; None for a bad one, which is found again when its shard is made."""
    try:
        return sum(tar_bytes(len(content)) for content in encode(draft).files().values())
    except DatasetError:
        return None


def _check_visible(path: Path, num_bytes: int) -> None:
    """What another machine of a cluster wrote must be seen here."""
    if not path.is_file() or path.stat().st_size != num_bytes:
        raise DatasetError(
            f"{path} was written on another machine and is not seen here: --out must be a folder that all machines of "
            "the cluster share."
        )

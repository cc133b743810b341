"""Brings a run from its copy in an object store into a folder, to go on from there.

Imports no torch.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from sharding.storage.download import MissingError, download, read_small
from sharding.storage.files import create, write_atomically
from sharding.storage.place import Url
from sharding.storage.records import RecordError
from sharding.storage.upload import stored_sizes
from trainer.checkpoints.layout import (
    LARGEST_STATE,
    STATE_FILE,
    CheckpointState,
    StoredFile,
    check_sizes,
    folder_of,
    latest_checkpoint,
    parse_state,
)
from trainer.checkpoints.publish import clear, hidden_name, publish
from trainer.checkpoints.remote.copy import RunCopy, is_same_run, positions
from trainer.config.errors import ConfigError
from trainer.monitoring.metrics_file import LARGEST_METRICS
from trainer.runs.contents import LARGEST_RECORD, parse_record
from trainer.runs.rundir import RunDir

FIELD = "resume"
_FOLDER = "checkpoints/{:08d}/"


def read_copy_record(copy: RunCopy) -> dict[str, Any]:
    """The run.json of a copy, in its present form.

    Raises:
        ConfigError: there is none, it is damaged, or a later version made it.
        RemoteError: it cannot be read.
    """
    return _parse(_read_run_file(copy), copy)


def _read_run_file(copy: RunCopy) -> bytes:
    try:
        return read_small(copy.run_file, max_bytes=LARGEST_RECORD)
    except MissingError:
        remedy = "holds no run.json; give the address of a run's copy, s3://BUCKET/FOLDER/NAME."
        raise ConfigError(FIELD, str(copy.url), remedy) from None


def _parse(content: bytes, copy: RunCopy) -> dict[str, Any]:
    try:
        return parse_record(content, path=Path(str(copy.run_file)))
    except RecordError as error:
        raise ConfigError(FIELD, str(copy.run_file), f"{error}. Put a copy of it there.") from error


def fetch_run(copy: RunCopy, run: RunDir, *, say: Callable[[str], None]) -> None:
    """Make `run` what its copy is: with the newest whole checkpoint and the best, unless it is as far itself.

    Args:
        say: is told what is fetched, and which checkpoints are damaged.

    Raises:
        ConfigError: there is no run or no whole checkpoint at the address, or another run in the folder.
        RemoteError: the store cannot be read.
        OSError: the folder cannot be written to.
    """
    content = _read_run_file(copy)
    record = _parse(content, copy)
    if run.run_file.exists() and not is_same_run(record, run.record()):
        remedy = f"is another run than the one in {run.path}: move that away, or start in another folder."
        raise ConfigError(FIELD, str(copy.url), remedy)
    run.refuse_links()
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    with run.only_process():
        if not _fetch_newest(copy, run, say=say):
            return
        for path in (run.metrics_file, run.evaluation_file, run.early_stop_file):
            with suppress(MissingError):
                write_atomically(path, read_small(copy.url / path.name, max_bytes=LARGEST_METRICS))
        run.samples.mkdir(exist_ok=True)
        write_atomically(run.run_file, content)  # last: until then the folder is no run


def _fetch_newest(copy: RunCopy, run: RunDir, *, say: Callable[[str], None]) -> bool:
    """Fetch the newest whole one, and the best, unless a newer one is here. Returns whether it did."""
    sizes = stored_sizes(copy.url, stop=threading.Event())
    latest = latest_checkpoint(run.checkpoints) if run.run_file.exists() else None
    for position in reversed(positions(sizes)):
        if latest is not None and int(latest.name) >= position:
            say(f"{latest} is as new as what lies at {copy.url}: nothing is fetched")
            return False
        try:
            state = fetch_checkpoint(copy, position, run.checkpoints, sizes=sizes)
        except RecordError as error:
            say(f"{copy.checkpoint(position)} is damaged: {error}. An earlier one is looked for.")
            continue
        say(f"{copy.checkpoint(position)} was fetched to {run.path}")
        best = None if state.standing is None else state.standing.best
        if best not in (None, position) and not folder_of(run.checkpoints, best).exists():
            _fetch_best(copy, best, run, sizes=sizes, say=say)
        return True
    if latest is None:
        raise ConfigError(FIELD, str(copy.url), "holds no whole checkpoint: start a new run, or give another address.")
    return False


def _fetch_best(copy: RunCopy, best: int, run: RunDir, *, sizes: Mapping[str, int], say: Callable[[str], None]) -> None:
    try:
        fetch_checkpoint(copy, best, run.checkpoints, sizes=sizes)
    except (RecordError, MissingError) as error:
        say(f"{copy.checkpoint(best)}, the best one, could not be fetched: {error}")


def read_copied_state(copy: RunCopy, position: int) -> tuple[CheckpointState, bytes]:
    """What the state of a copied checkpoint holds, and its bytes.

    Raises:
        RecordError: it is damaged, keeps no checksums, or names files outside of the checkpoint.
        RemoteError: it cannot be read.
    """
    place = copy.checkpoint(position) / STATE_FILE
    try:
        content = read_small(place, max_bytes=LARGEST_STATE)
    except MissingError:
        raise RecordError(f"it holds no {STATE_FILE}") from None
    state = parse_state(content, path=Path(f"{position:08d}") / STATE_FILE)
    if state.files is None:
        raise RecordError(f"{STATE_FILE} holds no checksums")
    for name in state.files:
        if not _is_below(name):
            raise RecordError(f"{STATE_FILE} names the file {name!r}")
    return state, content


def _is_below(name: str) -> bool:
    """Whether a path stays in its folder."""
    path = PurePosixPath(name)
    return str(path) == name and not path.is_absolute() and ".." not in path.parts and name.isprintable()


def files_at(sizes: Mapping[str, int], position: int) -> dict[str, int]:
    """Of the files of a copy, those of one checkpoint: path in it -> bytes."""
    prefix = _FOLDER.format(position)
    return {name.removeprefix(prefix): size for name, size in sizes.items() if name.startswith(prefix)}


def fetch_checkpoint(copy: RunCopy, position: int, checkpoints: Path, *, sizes: Mapping[str, int]) -> CheckpointState:
    """Bring a checkpoint into a folder of checkpoints; there it is whole or absent. Returns its state.

    Raises:
        RecordError: it is damaged.
        RemoteError: it cannot be read.
        OSError: it cannot be written.
    """
    state, content = read_copied_state(copy, position)
    check_sizes(files_at(sizes, position), state)
    final = folder_of(checkpoints, position)
    temporary = hidden_name(final)
    clear(temporary)
    try:
        for name, file in sorted((state.files or {}).items()):
            _fetch_file(copy.checkpoint(position) / name, temporary / name, file, name=name)
        write_atomically(temporary / STATE_FILE, content)
        publish(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return state


def _fetch_file(url: Url, path: Path, file: StoredFile, *, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with create(path) as target:
        digest = download(url, target, num_bytes=file.num_bytes)
    require_digest(digest, file, name=name)


def require_digest(digest: str | None, file: StoredFile, *, name: str) -> None:
    """Raise RecordError if this is not the checksum of what was written."""
    if digest != file.sha256:
        raise RecordError(f"{name} has changed since it was written: its checksum does not fit")

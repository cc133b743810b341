"""The files of a checkpoint: which there are, how large, with which checksums; and which checkpoint is whole.

    checkpoints/00002000/           after 2000 images
        discriminator/ generator/   weights and optimizer state, one DeepSpeed engine each
        ema.pt                      averaged generators
        pools-0000.pt               histories of generated images, one file for each rank of methods that have them
        state.json                  position, number of steps, what each rank keeps between two log lines, how the best
                                    checkpoint was chosen, and the checksums of all these files

Order, crops, noise, curriculum and learning rate are functions of the position, so nothing of them is stored.

`state.json` ends with a checksum of itself, as a data set's manifest does. So a flipped bit is noticed before anything
is loaded. It is no signature: whoever passes a run on can seal what he likes.

Imports no torch: `diptych verify` needs none.
"""

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from sharding.storage.count import Count
from sharding.storage.files import refuse_link, write_atomically
from sharding.storage.records import MEBIBYTE, RecordError, checked, open_record, parse_json, read_record
from sharding.storage.seal import SEAL_KEY, seal, seal_fault
from sharding.storage.typed import NO_OTHERS, Limits
from trainer.checkpoints.progress import Standing
from trainer.runs.formats import FORMAT_KEY, STATE

STATE_FILE = "state.json"
EMA_FILE = "ema.pt"
LARGEST_STATE = 64 * MEBIBYTE
_MOST_FILES = 100_000
FOLDER_NAME = re.compile(r"[0-9]{8,16}")
_NUMBERED = re.compile(r"(?:pools-|(?:bf16_)?zero_pp_rank_)([0-9]{1,6})[._]")
"""Files of one rank have its number in their names: our own and DeepSpeed's."""


class CheckpointError(RuntimeError):
    """A checkpoint could not be written or read; earlier ones are as they were."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """What a file was when it was written."""

    __pydantic_config__ = NO_OTHERS

    num_bytes: Count
    sha256: Annotated[str, Limits(pattern=r"\A[0-9a-f]{64}\z")]


@dataclass(frozen=True, kw_only=True)
class CheckpointState:
    """All of state.json."""

    __pydantic_config__ = NO_OTHERS

    position: Count
    """Images that the whole job had seen."""
    step: Count
    world_size: Annotated[int, Limits(ge=1, le=2**20)]
    ranks: list[dict[str, Any]]
    """What each rank keeps between two log lines."""
    files: dict[str, StoredFile] | None = None
    """By path in the checkpoint; None in checkpoints of versions that kept no checksums."""
    standing: Standing | None = None
    """Of the score by which the run's best checkpoint is chosen; None if there is none."""


def write_state(folder: Path, state: CheckpointState) -> None:
    """Write state.json, which makes the folder a checkpoint."""
    record = {key: value for key, value in asdict(state).items() if key != "standing" or value is not None}
    write_atomically(folder / STATE_FILE, seal(json.dumps(STATE.stamp(record), indent=1).encode()))


def read_state(folder: Path) -> CheckpointState:
    """What state.json holds, whichever version wrote it.

    Raises:
        RecordError: it is missing, damaged, or of another checkpoint.
        ConfigError: a later version made it: the checkpoint is not damaged, and none is fallen back to.
    """
    try:
        content = read_record(folder / STATE_FILE, most=LARGEST_STATE)
    except (FileNotFoundError, NotADirectoryError):
        raise RecordError(f"it holds no {STATE_FILE}") from None
    except RecordError as error:
        raise RecordError(f"{STATE_FILE} {error}") from error
    return parse_state(content, path=folder / STATE_FILE)


def parse_state(content: bytes, *, path: Path) -> CheckpointState:
    """What a file of this content at `path` says. Raises as `read_state`."""
    try:
        record = parse_json(content)
        fault = seal_fault(content)
        if isinstance(record, dict) and record.keys() & {SEAL_KEY, "files"}:
            record.pop(SEAL_KEY, None)
            if fault is not None:
                raise RecordError(f"has changed since it was written: its checksum {fault}")
        state = _checked_state(STATE.upgrade(record, path=path))
        if state.world_size != len(state.ranks):
            raise RecordError(f"is of {state.world_size} ranks, and has the states of {len(state.ranks)}")
        if FOLDER_NAME.fullmatch(name := path.parent.name) and int(name) != state.position:
            raise RecordError(f"is of {state.position} images, not of {int(name)}")
    except RecordError as error:
        raise RecordError(f"{STATE_FILE} {error}") from error
    return state


def _checked_state(record: dict[str, Any]) -> CheckpointState:
    return checked({key: value for key, value in record.items() if key != FORMAT_KEY}, CheckpointState)


def pools_file(folder: Path, rank: int) -> Path:
    """The file of a rank's histories of generated images."""
    return folder / f"pools-{rank:04d}.pt"


def folder_of(checkpoints: Path, position: int) -> Path:
    """Where the checkpoint of a position lies, or will lie."""
    return checkpoints / f"{position:08d}"


def numbered_folders(folder: Path) -> list[Path]:
    """Whatever has a checkpoint's name, oldest first.

    Raises:
        CheckpointError: `folder` or one of them is a link: what is written and removed there would lie elsewhere.
    """
    refuse_link(folder, error=CheckpointError)
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if FOLDER_NAME.fullmatch(path.name)]
    for path in found:
        refuse_link(path, error=CheckpointError)
    return sorted(found, key=lambda path: int(path.name))


def checkpoint_folders(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first. Raises as `numbered_folders`."""
    return [path for path in numbered_folders(folder) if path.is_dir() and (path / STATE_FILE).is_file()]


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint, if any, be it whole or damaged. Raises as `numbered_folders`."""
    folders = checkpoint_folders(folder)
    return folders[-1] if folders else None


def describe_files(folder: Path) -> dict[str, StoredFile]:
    """Read all files of a checkpoint that has no state yet. Raises as `describe_file`."""
    return {name: describe_file(folder / name) for name in sorted(names_in(folder))}


def describe_file(path: Path) -> StoredFile:
    """Raises RecordError or OSError if it cannot be read."""
    with open_record(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return StoredFile(num_bytes=file.tell(), sha256=digest)


def rank_of(name: str, world_size: int) -> int:
    """Whose file of a checkpoint of so many ranks this is; the main rank's, where it is of all."""
    match = _NUMBERED.match(name.rsplit("/", maxsplit=1)[-1])
    return int(match[1]) % world_size if match else 0


def files_of_rank(state: CheckpointState, *, rank: int, world_size: int) -> set[str]:
    """Those that a rank reads: not the other ranks' own, unless their number was another, and all is dealt anew.

    Each file is read by one rank at least.
    """
    names = set(state.files or ())
    if state.world_size != world_size:
        return names
    return {name for name in names if not _NUMBERED.match(name.rsplit("/")[-1]) or rank_of(name, world_size) == rank}


def check_folder(folder: Path, state: CheckpointState, *, names: Collection[str] | None = None) -> None:
    """Check that the folder holds the files of `state` with their sizes, and nothing else. Reads no content.

    Args:
        names: the only ones that must be there: a run may be passed on without what only training needs.

    Raises:
        RecordError: a file is missing, odd, too short or too long, or there is another.
    """
    check_sizes({name: (folder / name).lstat().st_size for name in names_in(folder)}, state, names=names)


def check_sizes(sizes: Mapping[str, int], state: CheckpointState, *, names: Collection[str] | None = None) -> None:
    """The same, for files whose paths and numbers of bytes are known. Raises RecordError."""
    if state.files is None:
        return
    for name, file in state.files.items():
        if name not in sizes and (names is None or name in names):
            raise RecordError(f"{name} is missing")
        if sizes.get(name, file.num_bytes) != file.num_bytes:
            raise RecordError(f"{name} has {sizes[name]} bytes, not {file.num_bytes}")
    for name in sorted(sizes.keys() - state.files.keys() - {STATE_FILE}):
        raise RecordError(f"{name} is none of its files")


def check_content(folder: Path, state: CheckpointState, *, names: set[str]) -> None:
    """Check that these files are to the bit what was written. Raises RecordError."""
    for name in sorted(names & (state.files or {}).keys()):
        try:
            found = describe_file(folder / name)
        except OSError as error:
            raise RecordError(f"{name} cannot be read: {error.strerror}") from error
        except RecordError as error:
            raise RecordError(f"{name} {error}") from error
        if state.files is not None and found != state.files[name]:
            raise RecordError(f"{name} has changed since it was written: its checksum does not fit")


def names_in(folder: Path) -> Iterator[str]:
    """Paths of all files below, without following links. Raises RecordError at a link or anything else that is odd."""
    waiting, count = [""], 0
    while waiting:
        inside = waiting.pop()
        try:
            entries = list(os.scandir(folder / inside))
        except OSError as error:
            raise RecordError(f"{inside or 'it'} cannot be read: {error.strerror}") from error
        count += len(entries)
        if count > _MOST_FILES:
            raise RecordError(f"it holds more than {_MOST_FILES} files")
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            elif entry.is_file(follow_symlinks=False):
                yield name
            else:
                raise RecordError(f"{name} is {'a link' if entry.is_symlink() else 'no regular file'}")

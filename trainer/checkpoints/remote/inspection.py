"""The checkpoints of a run's copy in an object store, looked at as those of a run's folder are.

Imports no torch.
"""

import os
import re
import threading
from collections.abc import Mapping

from sharding.storage.download import RemoteError, download
from sharding.storage.records import RecordError
from sharding.storage.upload import stored_sizes
from trainer.checkpoints.inspection import Found
from trainer.checkpoints.layout import FOLDER_NAME, CheckpointState, check_sizes
from trainer.checkpoints.remote.copy import RunCopy
from trainer.checkpoints.remote.fetch import files_at, read_copied_state, require_digest
from trainer.config.errors import ConfigError

_IN_CHECKPOINT = re.compile(rf"checkpoints/({FOLDER_NAME.pattern})/.+")


def examine_copy(copy: RunCopy, *, reads_all: bool = False) -> list[Found]:
    """Look at all checkpoints of a copy, oldest first.

    Args:
        reads_all: fetch all bytes, and keep none, instead of asking for names and sizes alone.

    Raises:
        RemoteError: the store cannot be read.
    """
    sizes = stored_sizes(copy.url, stop=threading.Event())
    numbers = {int(found[1]) for name in sizes if (found := _IN_CHECKPOINT.fullmatch(name))}
    return [_examine(copy, number, files_at(sizes, number), reads_all=reads_all) for number in sorted(numbers)]


def _examine(copy: RunCopy, position: int, sizes: Mapping[str, int], *, reads_all: bool) -> Found:
    state: CheckpointState | None = None
    fault, is_damaged = "", False
    try:
        state, _ = read_copied_state(copy, position)
        check_sizes(sizes, state)
        if reads_all:
            _check_content(copy, position, state)
    except RecordError as error:
        fault, is_damaged = str(error), True
    except (ConfigError, RemoteError) as error:
        fault = str(error)
    return Found(
        place=copy.checkpoint(position),
        position=position,
        state=state,
        fault=fault,
        is_damaged=is_damaged,
        num_bytes=sum(sizes.values()),
    )


def _check_content(copy: RunCopy, position: int, state: CheckpointState) -> None:
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  a path would say no more
        for name, file in sorted((state.files or {}).items()):
            digest = download(copy.checkpoint(position) / name, nowhere, num_bytes=file.num_bytes)
            require_digest(digest, file, name=name)

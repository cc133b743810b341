"""Files written to an object store, over short outages. Nothing waits without end for a store that does not answer."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from pathlib import Path
from typing import Any, TypeVar

from sharding.storage import download
from sharding.storage.download import Outage, StoppedError
from sharding.storage.place import Url
from sharding.storage.transfer import TransferError, ask_store

T = TypeVar("T")

BLOCK_BYTES = 2**24
"""Sent at a time, of a large file."""
BLOCK_S = 60.0
"""Longest time until the next block has arrived, or a question is answered."""
_BLOCKS_AT_ONCE = 4
_LOOK_S = 0.5


class _Progress:
    """When something last arrived, as fsspec's callbacks are told."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def set_size(self, size: int) -> None:
        """Hear how many bytes there are."""

    def relative_update(self, inc: int = 1) -> None:
        """Hear of so many bytes more."""
        self.last = time.monotonic()

    absolute_update = relative_update


_Asking = Callable[[Any, _Progress], Coroutine[Any, Any, T]]
"""(a file system of fsspec, who is told of progress) -> what is to be awaited."""


def send_file(path: Path, url: Url, *, stop: threading.Event) -> None:
    """Write a local file to a store: there it is whole, or as it was before.

    Raises:
        RemoteError: it may not be written, or an outage lasts.
        StoppedError: `stop` was set.
        OSError: the local file cannot be read.
    """
    path.open("rb").close()  # else the store would be blamed
    options = {"chunksize": BLOCK_BYTES} | ({"max_concurrency": _BLOCKS_AT_ONCE} if url.scheme == "s3" else {})
    _persist(url, lambda store, moved: store._put_file(str(path), url.text, callback=moved, **options), stop=stop)


def send_bytes(content: bytes, url: Url, *, stop: threading.Event) -> None:
    """Write a small file to a store. Raises as `send_file`."""
    _persist(url, lambda store, moved: store._pipe_file(url.text, content), stop=stop)


def remove_file(url: Url, *, stop: threading.Event) -> None:
    """Remove a file from a store, if it is there. Raises as `send_file`."""
    _persist(url, lambda store, moved: store._rm_file(url.text), stop=stop, may_be_gone=True)


def stored_sizes(url: Url, *, stop: threading.Event) -> dict[str, int]:
    """Path below `url` -> bytes, of all files there. Raises as `send_file`."""
    prefix = url.text.partition("://")[2] + "/"
    found = _persist(url, lambda store, moved: store._find(url.text, detail=True), stop=stop, is_read=True)
    return {path.removeprefix(prefix): int(info["size"]) for path, info in (found or {}).items()}


def _persist(
    url: Url, asking: _Asking[T], *, stop: threading.Event, is_read: bool = False, may_be_gone: bool = False
) -> T | None:
    """What a store answers, once it does; None where what is asked about is not there, and need not be."""
    outage = Outage(url, patience=download.PATIENCE, stop=stop, is_read=is_read)
    while True:
        try:
            return ask_store(url, lambda filesystem: _attempt(filesystem, asking, stop))
        except TransferError as failure:
            if stop.is_set():
                raise StoppedError from failure
            if may_be_gone and failure.status == 404:
                return None
            outage.ride_out(failure)


def _attempt(filesystem: Any, asking: _Asking[T], stop: threading.Event) -> T:
    """Ask once. Libraries limit the wait for an answer, but not for names, nor for a server that takes no more."""
    progress = _Progress()
    answer = asyncio.run_coroutine_threadsafe(asking(filesystem, progress), filesystem.loop)
    while not wait([answer], timeout=_LOOK_S).done:
        if stop.is_set() or time.monotonic() - progress.last > BLOCK_S:
            answer.cancel()
            raise TransferError(f"nothing went through for {BLOCK_S:g} s", is_lasting=False)
    return answer.result()

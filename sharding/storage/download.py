"""Whole remote files, over short outages."""

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from sharding.errors import DatasetError
from sharding.storage.place import Url
from sharding.storage.transfer import Answer, TransferError

_log = logging.getLogger(__name__)
MAX_SMALL_BYTES = 64 * 2**20
"""Of a file that is read into memory: a manifest, which has some 400 bytes for each shard, or an index."""
SMALL_S = 300.0
"""Longest time for such a file, over all tries."""
_ENOUGH_BYTES = 64 * 2**10
_random = random.Random()  # of its own: jitter must not disturb what follows from a run's seed


class RemoteError(DatasetError):
    """A remote file cannot be had; the message names it, the cause and the remedy."""


class MissingError(RemoteError):
    """There is no such file."""


class StoppedError(Exception):
    """The reader was told to stop."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How an outage is ridden out. It ends when 64 KiB have arrived: a byte now and then is no progress."""

    first_wait_s: float = 1.0
    """Before the second try; each wait is twice the one before, give or take a quarter."""
    longest_wait_s: float = 20.0
    total_s: float = 60.0
    """An outage that lasts longer is an error: six or seven tries."""


PATIENCE = Patience()


class Outage:
    """Counts tries that failed one after the other.

    Args:
        stop: ends the waiting.
        is_read: the file; else it is written, or removed.
    """

    def __init__(self, url: Url, *, patience: Patience, stop: threading.Event, is_read: bool = True) -> None:
        self.url = url
        self._is_read = is_read
        self._patience = patience
        self._stop = stop
        self._began: float | None = None
        self._tries = self._arrived = 0

    def arrived(self, num_bytes: int) -> None:
        """Note that so many more bytes are here."""
        self._arrived += num_bytes
        if self._arrived >= _ENOUGH_BYTES:
            self._began = None
            self._tries = self._arrived = 0

    def ride_out(self, failure: TransferError) -> None:
        """Wait before the next try.

        Raises:
            RemoteError: there is no point in one, or it lasts too long.
            StoppedError: told to stop.
        """
        if failure.is_lasting:
            raise (_lasting if self._is_read else _lasting_write)(self.url, failure) from failure
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        wait = min(self._patience.first_wait_s * 2**self._tries, self._patience.longest_wait_s)
        wait *= _random.uniform(0.75, 1.25)
        self._tries += 1
        if now + wait - self._began > self._patience.total_s:
            remedy = (
                " Once it can be reached again, start again; a run continues with --resume." if self._is_read else ""
            )
            raise RemoteError(
                f"{self.url} could not be {'read' if self._is_read else 'written'}: {self._tries} tries in "
                f"{now - self._began:.0f} s failed, the last one with: {failure}.{remedy}"
            ) from failure
        _log.warning("%s: %s; trying again in %.1f s", self.url, failure, wait)
        if self._stop.wait(wait):
            raise StoppedError


def _lasting(url: Url, failure: TransferError) -> RemoteError:
    if failure.status == 404:
        return MissingError(f"{url} is not there (404). Check the address, or copy the data set there again.")
    if failure.status in (401, 403):
        return RemoteError(
            f"{url} may not be read ({failure}). Check the address and the credentials; some stores say so of what is "
            "not there, too."
        )
    return RemoteError(f"{url} cannot be read ({failure}). Check the address and the credentials.")


def _lasting_write(url: Url, failure: TransferError) -> RemoteError:
    return RemoteError(f"{url} cannot be written ({failure}). Check the address, and that the credentials may write.")


def download(
    url: Url,
    file: IO[bytes],
    *,
    num_bytes: int,
    admit: Callable[[int | None], bool] | None = None,
    stop: threading.Event | None = None,
    patience: Patience | None = None,
    held: tuple[int, "hashlib._Hash"] | None = None,
) -> str | None:
    """Write a remote file to a local one. Returns the SHA-256 of what was written.

    After a cut it goes on where it was. A remote file that is shorter is written whole, of a longer one a byte more
    than `num_bytes`.

    Args:
        admit: hears how many bytes the server says that the file has, None if it does not say, before any is read;
            False ends the download, which then returns None.
        held: how many bytes of it the local file has already, and their SHA-256 so far: it goes on behind them.

    Raises:
        RemoteError: it is not there, or an outage lasts.
        StoppedError: `stop` was set.
        OSError: the local file cannot be written.
    """
    stop = stop or threading.Event()
    outage = Outage(url, patience=patience or PATIENCE, stop=stop)
    written, digest = held or (0, hashlib.sha256())
    while True:
        begin = written
        try:
            with Answer(url, begin, num_bytes + 1) as answer:
                if admit is not None and not admit(answer.num_bytes()):
                    return None
                admit = None
                for piece in answer:
                    if stop.is_set():
                        raise StoppedError
                    file.write(piece)
                    digest.update(piece)
                    written += len(piece)
                    outage.arrived(len(piece))
        except TransferError as failure:
            outage.ride_out(failure)
        else:
            # Ended without an error: asked once more, a file that has less than it should says so again.
            if written >= num_bytes or written == begin:
                return digest.hexdigest()


def read_small(
    url: Url,
    *,
    max_bytes: int = MAX_SMALL_BYTES,
    stop: threading.Event | None = None,
    patience: Patience | None = None,
) -> bytes:
    """All of a small remote file. Raises as `download`, and RemoteError for one that has more bytes or takes long."""
    outage = Outage(url, patience=patience or PATIENCE, stop=stop or threading.Event())
    until = time.monotonic() + SMALL_S
    while True:
        try:
            return _read_bounded(url, max_bytes=max_bytes, until=until)
        except TransferError as failure:
            outage.ride_out(failure)


def _read_bounded(url: Url, *, max_bytes: int, until: float) -> bytes:
    content = bytearray()
    with Answer(url, 0, max_bytes + 1) as answer:
        for piece in answer:
            content += piece
            if len(content) > max_bytes:
                raise RemoteError(
                    f"{url} has more than {max_bytes} bytes, the most that such a file may have. Check the address: no "
                    "data set of Diptych's making has one."
                )
            if time.monotonic() > until:
                raise RemoteError(f"{url} did not arrive within {SMALL_S:.0f} s: only {len(content)} bytes of it came.")
    return bytes(content)

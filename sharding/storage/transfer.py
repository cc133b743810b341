"""One attempt to read a remote file, through fsspec. Time limits are set here, and the libraries' own retries switched
off: `download` alone decides how often to try.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self, TypeVar

from sharding.storage.failure import TransferError, explain
from sharding.storage.place import Url, place_problem

Result = TypeVar("Result")

CONNECT_S, STALL_S = 10, 30
"""Longest time until a connection stands, and until its next byte."""
SLOWEST_BYTES_PER_S = 2**10
"""What brings less over `STALL_S` is an attempt that failed: a byte now and then is no answer."""
BLOCK_BYTES = 2**24
"""Of a range request to an object store."""
MAX_CONNECTIONS = 32
"""To one object store, from one process."""

_RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True, kw_only=True)
class _Reply:
    """What a library makes of a request."""

    pieces: Iterator[bytes]
    num_bytes: Callable[[], int | None]
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class _Backend:
    filesystem: Any
    ask: Callable[[Any, Url, int, int | None], _Reply]
    transient: tuple[type[Exception], ...]
    """What its library raises for trouble on the way, beside OSError and TimeoutError."""
    lasting: tuple[type[Exception], ...] = field(default=())
    """Likewise, for what another attempt would not change."""

    def explain(self, error: Exception) -> TransferError:
        return explain(error, transient=self.transient, lasting=self.lasting, stall_s=STALL_S)


class Answer:
    """The bytes of a remote file from `start` on, to its end or up to `stop`, in pieces. Nothing past its end.

    All of its methods raise TransferError, whatever goes wrong.
    """

    def __init__(self, url: Url, start: int = 0, stop: int | None = None) -> None:
        self._backend = _backend_of(url)
        ask = self._backend.ask
        self._reply = self._explained(lambda: ask(self._backend.filesystem, url, start, stop))

    def num_bytes(self) -> int | None:
        """Size of the whole file, as the server says; None where it does not."""
        return None if self._reply is None else self._explained(self._reply.num_bytes)

    def __iter__(self) -> Iterator[bytes]:
        if self._reply is None:
            return
        waited, arrived = 0.0, 0
        while True:
            began = time.monotonic()
            piece = self._explained(lambda pieces=self._reply.pieces: next(pieces, None))
            waited += time.monotonic() - began  # and not what was done with the piece before
            if piece is None:
                return
            if piece:
                yield piece
            arrived += len(piece)
            if waited >= STALL_S:
                if arrived < SLOWEST_BYTES_PER_S * waited:
                    raise TransferError(f"only {arrived} bytes in {waited:.0f} s", is_lasting=False)
                waited, arrived = 0.0, 0

    def _explained(self, function: Callable[[], Result]) -> Result | None:
        """Explain an error; None where nothing is there from `start` on."""
        try:
            return function()
        except Exception as error:
            failure = self._backend.explain(error)
            if failure.status != _RANGE_NOT_SATISFIABLE:
                raise failure from error
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reply is not None:
            self._reply.close()


def ask_store(url: Url, function: Callable[[Any], Result]) -> Result:
    """What `function` makes of fsspec's file system for an address. Raises TransferError, whatever goes wrong."""
    backend = _backend_of(url)
    try:
        return function(backend.filesystem)
    except TransferError:
        raise
    except Exception as error:
        raise backend.explain(error) from error


def list_files(url: Url) -> list[str] | None:
    """Paths relative to `url` of all files below it; None where that cannot be asked, as over HTTP."""
    if url.scheme.startswith("http"):
        return None
    prefix = url.text.partition("://")[2] + "/"
    return [path.removeprefix(prefix) for path in ask_store(url, lambda filesystem: filesystem.find(url.text))]


def _backend_of(url: Url) -> _Backend:
    problem = place_problem(url)
    if problem is not None:
        raise TransferError(problem, is_lasting=True)
    return _backend("http" if url.scheme == "https" else url.scheme)


@cache
def _backend(scheme: str) -> _Backend:
    return {"http": _http, "s3": _s3, "gs": _gs}[scheme]()


def _http() -> _Backend:
    import aiohttp
    from fsspec.implementations.http import HTTPFileSystem

    from sharding.storage.web import WebError

    # trust_env: proxies of the environment, and passwords in ~/.netrc
    client = {"timeout": _time_limits(), "trust_env": True, "auto_decompress": False}
    filesystem = HTTPFileSystem(client_kwargs=client, skip_instance_cache=True)
    return _Backend(filesystem=filesystem, ask=_ask_web, transient=(aiohttp.ClientError,), lasting=(WebError,))


def _s3() -> _Backend:
    import aiohttp
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import HTTPClientError, IncompleteReadError
    from botocore.parsers import ResponseParserError
    from s3fs import S3FileSystem

    limits = {
        "connect_timeout": CONNECT_S,
        "read_timeout": STALL_S,
        "retries": {"total_max_attempts": 1},
        "max_pool_connections": MAX_CONNECTIONS,
    }
    filesystem = S3FileSystem(config_kwargs=limits, skip_instance_cache=True, use_listings_cache=False)
    filesystem.retries = 1
    transient = (aiohttp.ClientError, BotoConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError)
    return _Backend(filesystem=filesystem, ask=_ask_store, transient=transient)


def _gs() -> _Backend:
    from gcsfs.core import GCSFileSystem  # that of gcsfs itself asks, by gRPC, what kind of bucket it is
    from gcsfs.retry import RETRIABLE_EXCEPTIONS

    from sharding.storage.web import WebError, refuse_packed

    # gcsfs tries six times, within half a minute, and cannot be told otherwise; ours counts time, not tries.
    session = {"middlewares": (refuse_packed,), "auto_decompress": False}
    filesystem = GCSFileSystem(
        requests_timeout=_time_limits(), session_kwargs=session, skip_instance_cache=True, use_listings_cache=False
    )
    return _Backend(filesystem=filesystem, ask=_ask_store, transient=RETRIABLE_EXCEPTIONS, lasting=(WebError,))


def _time_limits() -> Any:
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=STALL_S)


def _ask_web(filesystem: Any, url: Url, start: int, stop: int | None) -> _Reply:
    """Read with one request."""
    from fsspec.asyn import sync

    from sharding.storage.web import WebAnswer

    session = sync(filesystem.loop, filesystem.set_session)
    answer = WebAnswer(url, start=start, session=session, loop=filesystem.loop, begin_s=CONNECT_S + STALL_S)
    return _Reply(pieces=answer.pieces(stop), num_bytes=lambda: answer.num_bytes, close=answer.close)


def _ask_store(filesystem: Any, url: Url, start: int, stop: int | None) -> _Reply:
    """Read with a request for each block, and one for the size if that is wanted."""
    return _Reply(
        pieces=_read_blocks(filesystem, url, start, stop), num_bytes=lambda: int(filesystem.info(url.text)["size"])
    )


def _read_blocks(filesystem: Any, url: Url, start: int, stop: int | None) -> Iterator[bytes]:
    begin = start
    while stop is None or begin < stop:
        end = begin + BLOCK_BYTES if stop is None else min(begin + BLOCK_BYTES, stop)
        block = filesystem.cat_file(url.text, start=begin, end=end)
        yield block
        if len(block) < end - begin:
            return
        begin = end

"""One attempt to read a remote file, through fsspec. Time limits are set here, and the libraries' own retries switched
off: `download` alone decides how often to try.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sharding.storage.place import Url, place_problem

CONNECT_S, STALL_S = 10, 30
"""Longest time until a connection stands, and until its next byte."""
PIECE_BYTES, BLOCK_BYTES = 2**20, 2**24
"""Of a stream (HTTP), and of a range request (object stores)."""
MAX_CONNECTIONS = 32
"""To one object store, from one process."""

_RANGE_NOT_SATISFIABLE = 416
_WORTH_ANOTHER_TRY = (408, 425, 429)


class TransferError(Exception):
    """An attempt failed; the message is the reason."""

    def __init__(self, reason: str, *, is_lasting: bool, status: int | None = None) -> None:
        super().__init__(reason)
        self.is_lasting = is_lasting
        """Another attempt would fail in the same way."""
        self.status = status
        """Of HTTP."""


@dataclass(frozen=True, kw_only=True)
class _Backend:
    filesystem: Any
    read: Callable[[Any, Url, int, int | None], Iterator[bytes]]
    transient: tuple[type[Exception], ...]
    """What its library raises for trouble on the way, beside OSError and TimeoutError."""


def read_from(url: Url, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The bytes of a remote file from `start` on, to its end or up to `stop`, in pieces. Nothing past its end.

    Raises:
        TransferError: whatever went wrong.
    """
    problem = place_problem(url)
    if problem is not None:
        raise TransferError(problem, is_lasting=True)
    backend = _backend(url.scheme.removesuffix("s") if url.scheme == "https" else url.scheme)
    try:
        yield from backend.read(backend.filesystem, url, start, stop)
    except Exception as error:
        failure = _explain(error, backend)
        if failure.status != _RANGE_NOT_SATISFIABLE:  # that status says: nothing is there from `start` on
            raise failure from error


def list_files(url: Url) -> list[str] | None:
    """Paths relative to `url` of all files below it; None where that cannot be asked, as over HTTP."""
    if url.scheme.startswith("http"):
        return None
    backend = _backend(url.scheme)
    prefix = str(url).partition("://")[2] + "/"
    try:
        return [path.removeprefix(prefix) for path in backend.filesystem.find(str(url))]
    except Exception as error:
        raise _explain(error, backend) from error


@cache
def _backend(scheme: str) -> _Backend:
    return {"http": _http, "s3": _s3, "gs": _gs}[scheme]()


def _http() -> _Backend:
    import aiohttp
    from fsspec.implementations.http import HTTPFileSystem

    # trust_env: proxies of the environment, and passwords in ~/.netrc
    client = {"timeout": _time_limits(), "trust_env": True}
    filesystem = HTTPFileSystem(client_kwargs=client, skip_instance_cache=True)
    return _Backend(filesystem=filesystem, read=_read_stream, transient=(aiohttp.ClientError,))


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
    filesystem = S3FileSystem(config_kwargs=limits, skip_instance_cache=True)
    filesystem.retries = 1
    transient = (aiohttp.ClientError, BotoConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError)
    return _Backend(filesystem=filesystem, read=_read_blocks, transient=transient)


def _gs() -> _Backend:
    from gcsfs.core import GCSFileSystem  # that of gcsfs itself asks, by gRPC, what kind of bucket it is
    from gcsfs.retry import RETRIABLE_EXCEPTIONS

    # gcsfs tries six times, within half a minute, and cannot be told otherwise; ours counts time, not tries.
    filesystem = GCSFileSystem(requests_timeout=_time_limits(), skip_instance_cache=True)
    return _Backend(filesystem=filesystem, read=_read_blocks, transient=RETRIABLE_EXCEPTIONS)


def _time_limits() -> Any:
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=STALL_S)


def _read_stream(filesystem: Any, url: Url, start: int, stop: int | None) -> Iterator[bytes]:
    """By one request. A server that knows no ranges sends all of the file, and its beginning is dropped."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    # fsspec would ask for the size by a request of its own if it were not told one.
    with filesystem.open(str(url), block_size=0, size=1, headers=headers) as file:
        place = start if file.r.status == 206 else 0
        while (stop is None or place < stop) and (piece := file.read(PIECE_BYTES)):
            wanted = piece[max(0, start - place) : None if stop is None else stop - place]
            place += len(piece)
            if wanted:
                yield wanted


def _read_blocks(filesystem: Any, url: Url, start: int, stop: int | None) -> Iterator[bytes]:
    """By range requests; by one if there is no `stop`."""
    if stop is None:
        yield filesystem.cat_file(str(url), start=start)
        return
    for begin in range(start, stop, BLOCK_BYTES):
        end = min(begin + BLOCK_BYTES, stop)
        block = filesystem.cat_file(str(url), start=begin, end=end)
        if block:
            yield block
        if len(block) < end - begin:
            return


def _explain(error: Exception, backend: _Backend) -> TransferError:
    status = _status(error)
    if status is not None:
        is_lasting = status < 500 and status not in _WORTH_ANOTHER_TRY
    else:
        # gcsfs has no type of its own for 403
        is_lasting = str(error).startswith("Forbidden:") or not isinstance(
            error, (OSError, TimeoutError, *backend.transient)
        )
    return TransferError(_reason(error, status), is_lasting=is_lasting, status=status)


def _status(error: Exception) -> int | None:
    """Of HTTP, where the server answered."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore's, which s3fs translates
            return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    for name in ("status", "code"):  # aiohttp's, gcsfs's
        value = getattr(error, name, None)
        if isinstance(value, int | str) and str(value).isdecimal():
            return int(value)
    if isinstance(error, FileNotFoundError):
        return 404
    return 403 if isinstance(error, PermissionError) else None


def _reason(error: Exception, status: int | None) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {STALL_S} s"
    message = " ".join(str(getattr(error, "message", "") or error).split()) or type(error).__name__
    return message if status is None else f"{status}: {message}"

"""Files of web servers, which anybody may run: what they answer is bounded and checked before its bytes are read."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from fsspec.asyn import sync

from sharding.storage.place import Url

PIECE_BYTES = 2**20
"""Most that is read of an answer at a time."""
MAX_REDIRECTS = 5

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)


class WebError(Exception):
    """The server answers in a way that is not followed; another try would not change it."""


class WebAnswer:
    """What a server sends of one file.

    Args:
        session: of aiohttp, which neither follows redirects nor unpacks what is compressed when it is used here.
        loop: in which the session lives.
        begin_s: longest time until the answer begins, over all redirects.
    """

    def __init__(self, url: Url, *, start: int, session: Any, loop: Any, begin_s: float) -> None:
        """Asks. Raises WebError, or what aiohttp raises, also for a status that is no success."""
        self._loop = loop
        self._start = start
        self._response: Any = sync(loop, _ask, session, url.text, start, begin_s)

    @property
    def num_bytes(self) -> int | None:
        """Size of the whole file; None where the server does not say."""
        return self._response.content_length if self._response.status == 200 else None

    def pieces(self, stop: int | None) -> Iterator[bytes]:
        """The bytes from `start` to `stop`. A server that knows no ranges sends all, and the beginning is dropped."""
        place = self._start if self._response.status == 206 else 0
        while stop is None or place < stop:
            piece = sync(self._loop, self._response.content.read, PIECE_BYTES)
            if not piece:
                return
            wanted = piece[max(0, self._start - place) : None if stop is None else stop - place]
            place += len(piece)
            yield wanted

    def close(self) -> None:
        """Hear no more of it."""
        self._loop.call_soon_threadsafe(self._response.close)


async def _ask(session: Any, url: str, start: int, begin_s: float) -> Any:
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    async with asyncio.timeout(begin_s):
        asked = url
        for _ in range(MAX_REDIRECTS + 1):
            response = await session.get(url, headers=headers, allow_redirects=False)
            try:
                if response.status not in _REDIRECTS:
                    response.raise_for_status()
                    _refuse_encoding(response)
                    return response
                url = _target(response, asked)
            except BaseException:
                response.close()
                raise
            response.close()
    raise WebError(f"it redirects more than {MAX_REDIRECTS} times")


def _refuse_encoding(response: Any) -> None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise WebError(
            f"it is sent packed ({encoding[:20]}), which was not asked for and may unpack to any size. Let the server "
            "send the file as it is"
        )


def _target(response: Any, asked: str) -> str:
    """Where a redirect leads, if that is on the same host: passwords, and trust in an address, are of a host."""
    target = urljoin(str(response.url), response.headers.get("Location", ""))
    try:
        before, after = _origin(asked), _origin(target)
    except ValueError as error:
        raise WebError(f"it redirects to {target[:200]!r}, which is no address") from error
    is_safer = (before.scheme, after.scheme) == ("http", "https") and after.host == before.host
    if after != before and not is_safer:
        raise WebError(
            f"it redirects from {before} to {after}, another host, which is not followed. If you trust that one, give "
            "its address"
        )
    return target


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port in (None, _PORTS.get(self.scheme)) else f":{self.port}")


def _origin(address: str) -> _Origin:
    """Raises ValueError for what is no address."""
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise ValueError("it holds a name or password")
    return _Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme))


async def refuse_packed(request: Any, handler: Any) -> Any:
    """A middleware of aiohttp, for libraries that read an answer whole: only as many bytes as were asked for, as is."""
    request.headers["Accept-Encoding"] = "identity"
    response = await handler(request)
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
    if asked is not None and response.status < 300:
        most = int(asked[2]) - int(asked[1]) + 1
        if response.content_length is None or response.content_length > most:
            response.close()
            raise WebError(f"more is sent than the {most} bytes that were asked for, as of an object stored packed")
    try:
        _refuse_encoding(response)
    except WebError:
        response.close()
        raise
    return response

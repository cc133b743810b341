"""A server on loopback that data sets are read from, with faults.

It answers GET as any web server does, and so also as S3 and Google's Cloud Storage do for objects of the bucket `set`.
"""

import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sharding.storage.place import Url

_GOOGLE = "/download/storage/v1/b/set/o/"
_GOOGLE_INFO = "/storage/v1/b/set/o/"


@dataclass
class Fault:
    """What goes wrong with a request."""

    status: int = 0
    """Answer with this, and no content."""
    cut_after: int | None = None
    """Announce all bytes, send so many, close the connection: after `stall_s`, in which they are read."""
    truncate_after: int | None = None
    """Announce so many, and send them: as a file that was stored in part."""
    stall_s: float = 0.0
    """Say nothing for so long, in the middle of the content."""
    flip: bool = False
    """Change one byte in the middle."""
    append: bytes = b""
    """Behind the content."""
    redirect: str = ""
    """Answer that the file lies at this address."""
    announce: int | None = None
    """Announce so many bytes, whatever is sent; -1: announce no number."""
    endless: bool = False
    """Send zeros without end (a quarter of a gigabyte, should anybody read on)."""
    drip_s: float = 0.0
    """Send a byte at a time, and wait so long after each."""
    encoding: str = ""
    """Say that the content is packed so."""


@dataclass
class Site:
    """A folder, served with ranges. Faults wait under the end of a path, and each is used once."""

    folder: Path
    has_ranges: bool = True
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    delay_s: float = 0.0
    """Of each answer, but for the manifest's."""
    requests: list[tuple[str, int]] = field(default_factory=list)
    """Path, and the first byte that was asked for."""
    passwords: list[str] = field(default_factory=list)
    """That were sent along."""
    opened: threading.Event = field(default_factory=threading.Event)
    """While it is not set, no request is answered."""
    most_at_once: int = 0
    """Requests that were in hand at the same time."""
    num_in_hand: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    num_sent: int = 0
    """Bytes of endless and dripping answers."""
    port: int = 0

    @property
    def url(self) -> Url:
        return Url(f"http://127.0.0.1:{self.port}/set")

    def count(self, suffix: str) -> int:
        """Requests for files whose path ends so."""
        return sum(path.endswith(suffix) for path, _ in self.requests)

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """For as long as a request is being answered."""
        with self.lock:
            self.num_in_hand += 1
            self.most_at_once = max(self.most_at_once, self.num_in_hand)
        try:
            self.opened.wait(60)
            yield
        finally:
            with self.lock:
                self.num_in_hand -= 1

    def fail(self, suffix: str, *faults: Fault) -> None:
        self.faults.setdefault(suffix, []).extend(faults)

    def fault(self, path: str) -> Fault:
        for suffix, waiting in self.faults.items():
            if path.endswith(suffix) and waiting:
                return waiting.pop(0)
        return Fault()


_ZEROS = bytes(2**20)


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.site.in_hand():
            self._answer()

    def _answer(self) -> None:
        if self.path.startswith(_GOOGLE_INFO):
            return self._tell_size(unquote(urlsplit(self.path).path).removeprefix(_GOOGLE_INFO))
        path = unquote(urlsplit(self.path).path).removeprefix(_GOOGLE).removeprefix("/set/")
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.site.has_ranges else 0
        self.site.requests.append((path, start))
        self.site.passwords += self.headers.get_all("Authorization", [])
        fault, file = self.site.fault(path), self.site.folder / path
        if path != "dataset.json":
            time.sleep(self.site.delay_s)
        if fault.redirect:
            return self._say(302, 0, Location=fault.redirect)
        if fault.status or not file.is_file():
            return self._say(fault.status or 404, 0)
        content = file.read_bytes()[: fault.truncate_after] + fault.append
        if start >= len(content) and start:
            return self._say(416, 0)
        stop = int(asked[2]) + 1 if asked and asked[2] and self.site.has_ranges else None
        return self._send(content[start:stop], fault, status=206 if asked and self.site.has_ranges else 200)

    def _send(self, content: bytes, fault: Fault, *, status: int) -> None:
        middle = len(content) // 2
        if fault.flip:
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        length = len(content) if fault.announce is None else fault.announce
        self._say(status, None if fault.endless or length < 0 else length, **_packed(fault))
        if fault.endless or fault.drip_s:
            self._trickle(content, fault)
            return
        if fault.cut_after is not None:
            self.wfile.write(content[: fault.cut_after])
            self.wfile.flush()
            time.sleep(fault.stall_s)
            self.close_connection = True
            return
        self.wfile.write(content[:middle])
        self.wfile.flush()
        time.sleep(fault.stall_s)
        self.wfile.write(content[middle:])

    def _tell_size(self, name: str) -> None:
        size = (self.site.folder / name).stat().st_size
        content = json.dumps({"name": name, "bucket": "set", "size": str(size)}).encode()
        self._say(200, len(content))
        self.wfile.write(content)

    def _trickle(self, content: bytes, fault: Fault) -> None:
        for piece in itertools.repeat(_ZEROS, 256) if fault.endless else (bytes([byte]) for byte in content):
            self.wfile.write(piece)
            self.wfile.flush()
            self.site.num_sent += len(piece)
            time.sleep(fault.drip_s)
        self.close_connection = True

    def _say(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _packed(fault: Fault) -> dict[str, str]:
    return {"Content_Encoding": fault.encoding} if fault.encoding else {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed, or gives up, is no news."""


@contextmanager
def serve(folder: Path, **options) -> Iterator[Site]:
    """A running server."""
    site = Site(folder, **options)
    site.opened.set()
    handler = type("Handler", (_Handler,), {"site": site})
    server = _Server(("127.0.0.1", 0), handler)
    site.port = server.server_address[1]
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()

"""An object store on loopback: moto's S3 behind a door that can be out of order."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from sharding.storage import transfer

SECRET = "wJalrXUtnFEMI-never-to-be-seen"
BUCKET = "bucket"


@dataclass
class Door:
    """What becomes of requests whose method and end of path are these; each fault is used `times`."""

    method: str
    suffix: str
    status: int = 0
    """Answer with this, and no content."""
    hangs: bool = False
    """No answer while it is among the store's doors."""
    times: int = 10**9


@dataclass
class Store:
    """A bucket, and what was asked of it."""

    files: S3FileSystem
    """Its own way in, past the door."""
    doors: list[Door] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path in the bucket."""

    def sent(self) -> list[str]:
        """Paths of what was written, in the order of its arrival."""
        return [path for method, path in self.requests if method == "PUT"]

    def names(self, folder: str = "") -> set[str]:
        """Paths below a folder of the bucket."""
        place = f"{BUCKET}/{folder}".rstrip("/")
        return {name.removeprefix(f"{place}/") for name in self.files.find(place)}

    def door(self, method: str, path: str) -> Door | None:
        for door in self.doors:
            if method == door.method and path.endswith(door.suffix) and door.times > 0:
                door.times -= 1
                return door
        return None


class _Handler(BaseHTTPRequestHandler):
    store: Store
    behind: tuple[str, int]
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        path = self.path.partition("?")[0].removeprefix(f"/{BUCKET}/")
        self.store.requests.append((self.command, path))
        body = self._body()
        door = self.store.door(self.command, path)
        if door is not None and door.hangs:
            until = time.monotonic() + 60
            while any(door is other for other in self.store.doors) and time.monotonic() < until:
                time.sleep(0.02)
            self.close_connection = True
            return
        if door is not None:
            self._answer(door.status, {}, b"")
            return
        connection = HTTPConnection(*self.behind)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
        connection.request(self.command, self.path, body=body, headers=headers)
        answer = connection.getresponse()
        self._answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._pass
        raise AttributeError(name)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "server", "date"):
                self.send_header(name, value)
        length = headers.get("Content-Length", len(content)) if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up is no news."""


@contextmanager
def serve_store() -> Iterator[Store]:
    """A running store with an empty bucket, which `AWS_...` variables point to meanwhile."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    behind = moto.get_host_and_port()
    secrets = {"key": "ada", "secret": SECRET}
    files = S3FileSystem(
        endpoint_url="http://{}:{}".format(*behind), use_listings_cache=False, skip_instance_cache=True, **secrets
    )
    store = Store(files)
    handler = type("Handler", (_Handler,), {"store": store, "behind": behind})
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True).start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
        environment.setenv("AWS_ACCESS_KEY_ID", "ada")
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        transfer._backend.cache_clear()
        if files.exists(BUCKET):  # moto keeps its buckets as long as the process lives
            files.rm(BUCKET, recursive=True)
        files.mkdir(BUCKET)
        yield store
    store.doors.clear()
    transfer._backend.cache_clear()
    server.shutdown()
    server.server_close()
    moto.stop()

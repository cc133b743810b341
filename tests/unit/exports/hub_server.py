"""A server on loopback that answers as the Hub does to whoever makes a repository and commits files to it."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hub:
    """What was sent."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    made: list[dict[str, Any]] = field(default_factory=list)
    refuses: bool = False


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Runs until the end of the block."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            hub.tokens.add(self.headers.get("Authorization", ""))
            if hub.refuses:
                self._answer({"error": "this token may not write"}, status=403)
            else:
                self._answer(_answer_to(hub, self.path, body))

        def do_GET(self) -> None:
            self._answer({"id": "ada/maps", "sha": "0" * 40, "siblings": [], "tags": []})

        def _answer(self, record: Any, status: int = 200) -> None:
            content = json.dumps(record).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def _answer_to(hub: Hub, path: str, body: bytes) -> Any:
    if path.endswith("/repos/create"):
        hub.made.append(json.loads(body))
        return {"url": f"{hub.address}/ada/maps", "name": "ada/maps", "id": "0"}
    if "/preupload/" in path:
        names = [file["path"] for file in json.loads(body)["files"]]
        return {"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]}
    if "/commit/" in path:
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                hub.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        return {"commitUrl": f"{hub.address}/ada/maps/commit/1", "commitOid": "1" * 40, "success": True}
    return {}

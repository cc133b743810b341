"""A web application of ours at work, until somebody ends it."""

import contextlib
import socket

import uvicorn
from starlette.applications import Starlette


def serve_app(app: Starlette, listener: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM; those that are under way are answered first."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=5,
    )
    with contextlib.suppress(KeyboardInterrupt):  # raised once more when all is over
        uvicorn.Server(config).run(sockets=[listener])

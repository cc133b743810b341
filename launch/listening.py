"""Where a page of ours listens, and what its address is."""

import socket

from trainer.config.errors import ConfigError

_WAITING = 1024
"""Connections that wait to be accepted."""
_ALL = ("0.0.0.0", "::", "")


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 is any that is free. Raises ConfigError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_WAITING)
    except OSError as error:
        raise ConfigError("port", port, f"{host}: {error.strerror or error}; give another --port or --host.") from error
    except OverflowError as error:
        raise ConfigError("port", port, "use 0 to 65535.") from error


def is_open(host: str) -> bool:
    """Whether other machines reach it at every address of this one."""
    return host in _ALL


def address(host: str, listener: socket.socket) -> str:
    """What is typed into a browser."""
    shown = socket.gethostname() if is_open(host) else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}/"

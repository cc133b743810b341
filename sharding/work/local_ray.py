"""A Ray of our own on this machine: nobody else can reach it, hand it work, or read its files.

By itself Ray listens on all interfaces, keeps one token for all time in ~/.ray/auth_token, which others can read where
the home folder lets them, and writes to /tmp/ray, which is everybody's.
"""

import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

_START_ATTEMPTS = 3
"""Ray gives itself 30 s to come up, which are too few on a machine that is busy already."""
_REMOVE_ATTEMPTS = 50
_REMOVE_PAUSE_S = 0.1


@contextmanager
def local_ray(**settings: Any) -> Iterator[Path]:
    """Ray until the end of the block. Yields a folder that is only the user's, and is removed at the end.

    Args:
        settings: of `ray.init`.

    Raises:
        Exception: Ray's own, if it does not come up.
    """
    with _environment(_guards()), private_folder() as folder:
        import ray
        from ray._private import ray_constants

        former, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False  # if it was imported before
        try:
            _start(_temp_dir=str(folder / "ray"), **settings)  # a folder below: Ray opens its own to everybody
            yield folder
        finally:
            ray.shutdown()
            ray_constants.ENABLE_RAY_CLUSTER = former


def _start(**settings: Any) -> None:
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **settings,
            )
            return
        except Exception:  # Ray raises nothing more special when its 30 s are over
            ray.shutdown()
            if attempt == _START_ATTEMPTS:
                raise


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder that only the user can enter, removed at the end with all in it.

    Its path is as short as can be: Ray puts sockets far below it, whose paths may have 107 characters.
    """
    parents = sorted({tempfile.gettempdir(), "/tmp"}, key=len)
    parent = next(parent for parent in parents if os.access(parent, os.W_OK | os.X_OK))
    folder = Path(tempfile.mkdtemp(prefix="diptych-", dir=parent))
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Processes that are just ending may still write there."""
    for _ in range(_REMOVE_ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_REMOVE_PAUSE_S)


def _guards() -> dict[str, str | None]:
    """What Ray and its processes read from the environment; None for what must not be set."""
    return {
        "RAY_AUTH_TOKEN": _token(),  # which others cannot read there, as they might in a file
        "RAY_AUTH_TOKEN_PATH": None,
        "RAY_AUTH_MODE": None,  # unset, it is turned on, also in a Ray that was imported before
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on Linux too: every port on loopback only
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray's own are 30, and 15: with that a rank gets a thirtieth of a core beside any other process that computes.
        "RAY_gcs_server_port_wait_time_s": os.environ.get("RAY_gcs_server_port_wait_time_s", "120"),  # noqa: SIM112
        "RAY_worker_niceness": os.environ.get("RAY_worker_niceness", "0"),  # noqa: SIM112
    }


@lru_cache(maxsize=1)
def _token() -> str:
    """One for each process: Ray reads it once."""
    return secrets.token_hex(32)


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    former = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(former)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

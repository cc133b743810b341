"""One function over many items on a Ray cluster."""

import logging
import socket
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from typing import Any

from sharding.errors import DatasetError
from sharding.storage.memory import keep_freed_memory
from sharding.work.bounded import AHEAD, Result, bounded
from sharding.work.local_ray import local_ray
from sharding.work.progress import Tick

KNOCK_S = 5.0


class Cluster:
    """A Ray cluster, with which the connection stays for the next function.

    Raises:
        DatasetError: none can be reached.
    """

    def __init__(self, address: str) -> None:
        import ray
        from ray.exceptions import RayError

        self._address = address
        self._connection = ExitStack()
        if ray.is_initialized():
            return
        try:
            if address == "local":
                self._connection.enter_context(local_ray())
            else:
                knock(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
                self._connection.callback(ray.shutdown)
        except (OSError, ValueError, RayError) as error:
            raise DatasetError(
                f"--ray {address}: no Ray cluster answers ({error}). Start one with `ray start --head`, or use --ray "
                "local."
            ) from error

    def run(
        self, work: Callable[..., Result], shared: Any, items: Iterable[Any], *, tick: Tick
    ) -> Generator[Result, None, None]:
        """See `Crew.run`."""
        import ray
        from ray.exceptions import RayError

        try:
            most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            reference = ray.put(shared)
            task = ray.remote(num_cpus=1, max_retries=2)(_do_on_ray)

            def wait_some(pending: set) -> tuple[set, set]:
                done, rest = ray.wait(list(pending))
                return set(done), set(rest)

            with closing(bounded(items, lambda item: task.remote(work, reference, item), wait_some, most=most)) as done:
                for one in done:
                    ticks, result = ray.get(one)
                    tick(ticks)
                    yield result
        except RayError as error:
            raise DatasetError(
                f"--ray {self._address}: {error}. What is finished is kept: the same command goes on."
            ) from error

    def close(self) -> None:
        """End the connection, if it was made here."""
        self._connection.close()


def knock(address: str) -> None:
    """Raises OSError if nobody answers at `host:port`: Ray would go on trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _do_on_ray(work: Any, shared: Any, item: Any) -> tuple[int, Any]:
    """The result, and how often it ticked: a task of Ray cannot call back."""
    keep_freed_memory()
    ticks = 0

    def count(number: int) -> None:
        nonlocal ticks
        ticks += number

    result = work(shared, item, tick=count)
    return ticks, result

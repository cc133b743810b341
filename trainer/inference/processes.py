"""Several processes that translate, each with its own networks: their shares are settled, their news is one stream."""

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Self

import torch

from sharding.console import counted, make_console, one_line
from sharding.errors import DatasetError
from trainer.config.errors import ConfigError
from trainer.inference.events import Begun, Event, Tell
from trainer.inference.share import Call, Shares, Translating, usable_cores
from trainer.inference.translator import chosen_checkpoint

_PATIENCE = 10.0
"""Seconds that a process that is told to end has for the file it writes."""


class ProcessError(Exception):
    """One of the processes has ended, or failed for a reason that is no picture's; the message tells where."""


def devices_of(device: torch.device, num_procs: int | None) -> list[torch.device]:
    """The device of each process: on GPUs one each. Raises ConfigError if there are not so many.

    Args:
        num_procs: None for one, and for all GPUs.
    """
    if device.type != "cuda" or num_procs == 1:
        return [device] * (num_procs or 1)
    count = torch.cuda.device_count()
    if num_procs is None:
        num_procs = count
    if num_procs > count:
        raise ConfigError("num_procs", num_procs, f"there {'is' if count == 1 else 'are'} {counted(count, 'GPU')}.")
    return [device] if num_procs == 1 else [torch.device("cuda", number) for number in range(num_procs)]


class Crew:
    """The processes of one call, ready to work: this one where there is one device, else one started for each.

    Raises:
        ConfigError, DatasetError: as `Translating`.
    """

    def __init__(self, call: Call, *, devices: Sequence[torch.device]) -> None:
        self._here: Translating | None = None
        self._workers: list[_Worker] = []
        if len(devices) == 1:
            self._here = Translating(call, device=devices[0])
            self.position = self._here.position
            return
        folder = chosen_checkpoint(call.opened.run, call.checkpoint)
        self.position = int(folder.name)
        threads = max(1, usable_cores() // len(devices))
        make_console(stderr=True).print(f"checkpoint: {folder}")
        try:
            for device in devices:
                self._workers.append(_start(replace(call, checkpoint=folder), device, threads))
            for worker in self._workers:
                worker.receive()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def work(self, shares: Shares, tell: Tell) -> None:
        """Translate all, and hear of it.

        Raises:
            OSError: a result cannot be written; the others stop, too.
            ProcessError: a process ended.
        """
        if self._here is not None:
            self._here.work(shares, tell)
            return
        for number, worker in enumerate(self._workers):
            with contextlib.suppress(BrokenPipeError):  # receiving tells how it ended
                worker.connection.send(shares.of(number, len(self._workers)))
        working = {worker.connection: worker for worker in self._workers}
        while working:
            for connection in wait(list(working)):
                worker = working[connection]  # type: ignore[index]
                event = worker.receive()
                if isinstance(event, _Finished):
                    del working[worker.connection]
                else:
                    tell(event)

    def _end(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


@dataclass(frozen=True)
class _Finished:
    """A process has nothing left to do, or is ready for it."""


@dataclass(frozen=True, kw_only=True)
class _Fault:
    """What ended a process."""

    again: Callable[..., BaseException]
    args: tuple[Any, ...]


@dataclass(kw_only=True)
class _Worker:
    process: Any
    connection: Connection
    begun: Any = None
    """The source that it began last."""

    def receive(self) -> Any:
        """What it says next. Raises what it failed of."""
        try:
            event = self.connection.recv()
        except (EOFError, ConnectionError) as error:
            self.process.join(_PATIENCE)
            at = "" if self.begun is None else f" at {one_line(self.begun)}"
            raise ProcessError(
                f"one of the processes ended{at} ({_ending(self.process.exitcode)}). What was made is whole; give "
                "the same command again, with fewer --num-procs if memory was short."
            ) from error
        if isinstance(event, _Fault):
            raise event.again(*event.args)
        if isinstance(event, Begun):
            self.begun = event.source
        return event


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"status {code}"


def _start(call: Call, device: torch.device, threads: int) -> _Worker:
    context = get_context("spawn")  # a process that has used CUDA, or threads, cannot be forked
    here, there = context.Pipe()
    process = context.Process(target=_run, args=(there, call, str(device), threads), daemon=True)
    process.start()
    there.close()
    return _Worker(process=process, connection=here)


def _run(connection: Connection, call: Call, device: str, threads: int) -> None:
    """A process's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process ends us in order
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lock = threading.Lock()

    def send(event: Event | _Finished | _Fault) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            connection.send(event)

    torch.set_num_threads(threads)
    try:
        translating = Translating(call, device=torch.device(device), quiet=True)
        send(_Finished())
        translating.work(connection.recv(), send)
        send(_Finished())
    except BaseException as error:
        if not isinstance(error, SystemExit):
            send(_fault_of(error))


def _fault_of(error: BaseException) -> _Fault:
    match error:
        case ConfigError():
            return _Fault(again=ConfigError, args=(error.name, str(error.value), error.remedy))
        case DatasetError():
            return _Fault(again=DatasetError, args=(str(error),))
        case OSError():
            return _Fault(again=OSError, args=(error.errno, error.strerror))
        case _:
            return _Fault(again=ProcessError, args=("".join(traceback.format_exception(error)),))


def _end_with_parent() -> None:
    """No process outlives the one that started it, however that ended."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)

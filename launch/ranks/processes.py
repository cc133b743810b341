"""The ranks of one host in one attempt: started, watched, told to stop, ended with all that they started."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from launch.machine.devices import count_gpus
from launch.ranks.cores import bound_to, cores_of_ranks
from launch.ranks.messages import Ended, Message, Output, Start
from launch.ranks.output import Pump, log_name, tail
from trainer.loop.stop import LIFELINE_VARIABLE, stop_signal
from trainer.ranks.exits import FINISHED, STOPPED
from trainer.ranks.rendezvous import STORE_VARIABLE, private_store

LAST_WORDS_S = 1.0
"""What a rank printed is waited for so long after its end: a process that it started may hold its pipe."""

END_S = 10.0
"""A killed process is gone by then, or will not be for long."""

_LARGEST_RECORD = 1 << 20


class Place(NamedTuple):
    """Where ranks run."""

    host: str
    address: str
    """This host's own, which the other hosts reach; empty where all ranks are on this machine and meet in a file."""
    logs: Path
    """Folder of this attempt's logs."""
    terminal: bool
    """Whether rank 0 may look at the standard input, to learn how wide the terminal is."""
    held: Sequence[int] = ()
    """Descriptors that ranks keep open as long as they live: that of the run's lock."""


class _Rank(NamedTuple):
    number: int
    process: subprocess.Popen[bytes]
    pumps: Sequence[Pump]


class HostRanks:
    """Ranks in sessions of their own, so that a terminal tells their launcher alone.

    Args:
        command: what each of them runs.
        emit: is told what rank 0 prints, from another thread, and of each end.
        meeting: a socket that listens, for rank 0 if that is here: all ranks meet there.

    Raises:
        OSError: a process could not be started. No other is left.
    """

    def __init__(
        self,
        start: Start,
        command: Sequence[str],
        *,
        place: Place,
        emit: Callable[[Message], None],
        meeting: socket.socket | None = None,
    ) -> None:
        self._start = start
        self._command = command
        self._meeting = meeting
        self._place = place
        self._emit = emit
        self._ranks: list[_Rank] = []
        self._reported: set[int] = set()
        self._closing = ExitStack()
        try:
            self._store = self._closing.enter_context(private_store())
            self._lifeline = self._closing.enter_context(_lifeline())
            place.logs.mkdir(parents=True, exist_ok=True)
            for local_rank, cores in enumerate(self._cores()):
                with bound_to(cores):
                    self._ranks.append(self._spawn(local_rank, num_threads=len(cores)))
        except BaseException:
            self.close()
            raise

    def look(self) -> bool:
        """Report the ranks that have ended since. Returns whether any is left."""
        for rank in self._ranks:
            if rank.number not in self._reported and _has_ended(rank.process):
                self._reported.add(rank.number)
                self._report(rank)
        return len(self._reported) < len(self._ranks)

    def tell(self) -> None:
        """Have them finish their step and save. Never by SIGINT if it can be: a rank that still starts would show
        where it was interrupted."""
        for rank in self._left():
            rank.process.send_signal(stop_signal())

    def kill(self) -> None:
        """End what still runs, with all that it has started."""
        for rank in self._left():
            _kill_group(rank.process)

    def close(self) -> None:
        """Leave nothing behind."""
        self.kill()
        for rank in self._ranks:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it waits for a file system that is gone
                rank.process.wait(END_S)
        self._closing.close()

    def _left(self) -> list[_Rank]:
        return [rank for rank in self._ranks if rank.number not in self._reported]

    def _cores(self) -> list[set[int]]:
        """A rank with a GPU is bound to none: which are near its GPU, the driver knows better."""
        on_cpu = self._start.device == "cpu" or count_gpus() == 0
        return cores_of_ranks(self._start.num_ranks) if on_cpu else [set()] * self._start.num_ranks

    def _spawn(self, local_rank: int, *, num_threads: int) -> _Rank:
        number = self._start.first_rank + local_rank
        log = self._place.logs / log_name(number)
        passed = [
            self._lifeline,
            *self._place.held,
            *([] if self._meeting is None or number else [self._meeting.fileno()]),
        ]
        with _outputs(log, is_shown=number == 0) as (out, err):
            process = subprocess.Popen(
                self._command,
                env=self._environment(local_rank, num_threads),
                pass_fds=passed,
                start_new_session=True,
                stdin=None if number == 0 and self._place.terminal else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        return _Rank(number, process, self._pumps(process, log))

    def _environment(self, local_rank: int, num_threads: int) -> dict[str, str]:
        start, place = self._start, self._place
        number = start.first_rank + local_rank
        added = {
            "RANK": str(number),
            "WORLD_SIZE": str(start.world_size),
            "LOCAL_RANK": str(local_rank),
            "LOCAL_WORLD_SIZE": str(start.num_ranks),
            "DIPTYCH_HOST": place.host,
            "DIPTYCH_ATTEMPT": str(start.attempt),
            "DIPTYCH_ERROR_FILE": str(self._error_file(number)),
            LIFELINE_VARIABLE: str(self._lifeline),
        }
        if place.address:
            address, _, port = start.master.rpartition(":")
            added |= {"MASTER_ADDR": address, "MASTER_PORT": port, "DIPTYCH_ADDRESS": place.address}
        else:
            added[STORE_VARIABLE] = str(self._store)
        if self._meeting is not None and number == 0:
            added["DIPTYCH_LISTEN_FD"] = str(self._meeting.fileno())
        threads = num_threads or max(1, len(os.sched_getaffinity(0)) // start.num_ranks)
        inherited = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"} | os.environ
        inherited.pop("DIPTYCH_TOKEN", None)  # ranks need it for nothing
        return inherited | added | (start.terminal if number == 0 else {})

    def _error_file(self, number: int) -> Path:
        """Not among the logs: their disk may be the one that is full."""
        return self._store.parent / f"error-{number}.json"

    def _pumps(self, process: subprocess.Popen[bytes], log: Path) -> list[Pump]:
        """Of a rank that is shown: its pipes."""
        pumps = []
        for pipe, to_stderr in ((process.stdout, False), (process.stderr, True)):
            if pipe is not None:
                pumps.append(Pump(pipe, log, forward=self._forward(to_stderr)))
        return pumps

    def _forward(self, to_stderr: bool) -> Callable[[bytes], None]:
        def forward(part: bytes) -> None:
            self._emit(Output(attempt=self._start.attempt, to_stderr=to_stderr, text=part.decode("latin-1")))

        return forward

    def _report(self, rank: _Rank) -> None:
        noticed = time.time()
        _kill_group(rank.process)  # what it has started; while it is not yet waited for, its number is nobody else's
        status = rank.process.wait()
        for pump in rank.pumps:
            pump.join(LAST_WORDS_S)
        failed = status not in (FINISHED, STOPPED)
        self._emit(
            Ended(
                attempt=self._start.attempt,
                rank=rank.number,
                status=status,
                time=noticed,
                record=_read_record(self._error_file(rank.number)) if failed else None,
                tail=tail(self._place.logs / log_name(rank.number)) if failed else "",
            )
        )


@contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe that ranks watch. The other end is closed when this process is gone, however it goes."""
    watched, held = os.pipe()  # neither goes to other processes unless passed to them
    try:
        yield watched
    finally:
        os.close(watched)
        os.close(held)


@contextmanager
def _outputs(log: Path, *, is_shown: bool) -> Iterator[tuple[Any, Any]]:
    """Standard output and error of a rank: pipes if it is shown, else its log itself."""
    if is_shown:
        yield subprocess.PIPE, subprocess.PIPE
        return
    with log.open("ab", buffering=0) as file:
        yield file, file


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Without waiting for it: it stays a zombie, and its number its own."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _read_record(file: Path) -> dict[str, Any] | None:
    """Why a rank failed, in its own words; None if it had none."""
    try:
        with file.open("rb") as opened:
            record = json.loads(opened.read(_LARGEST_RECORD))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None

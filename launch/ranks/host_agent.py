"""What an agent does on its host, whoever brings it the coordinator's messages."""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from launch.doctor.host import look_at_host
from launch.ranks.interpreter import module_command
from launch.ranks.messages import CannotStart, Ended, Kill, Listening, LogPart, Message, Prepare, Prepared, Start, Stop
from launch.ranks.output import log_name
from launch.ranks.prepare import prepare_run
from launch.ranks.processes import HostRanks, Place
from sharding.errors import DatasetError
from trainer.config.errors import ConfigError
from trainer.ranks.failures import described
from trainer.ranks.rendezvous import listen
from trainer.runs.rundir import RunDir

_SHIP_PERIOD_S = 1.0
_PART = 1 << 20


class HostAgent:
    """Starts, watches and ends the ranks of one host.

    Args:
        address: this host's own; empty where all ranks are on this machine.
        command: what each rank runs; a training of the run if not given.
        emit: takes messages to the coordinator, from any thread.
        terminal: whether rank 0 may look at the standard input.
        held: descriptors that ranks keep open as long as they live.
    """

    def __init__(
        self,
        run: Path,
        *,
        host: str,
        command: Sequence[str] = (),
        emit: Callable[[Message], None],
        address: str = "",
        terminal: bool = False,
        held: Sequence[int] = (),
    ) -> None:
        self._run = run
        self._held = held
        self._host, self._address, self._terminal = host, address, terminal
        self._command = command
        self._emit = emit
        self._ranks: HostRanks | None = None
        self._shipping: _Shipping | None = None
        self._shares_folder = True
        self._probed: Path | None = None

    def handle(self, message: Message) -> None:
        """Do what the coordinator says."""
        if isinstance(message, Prepare):
            threading.Thread(target=self._prepare, args=(message,), name="prepare", daemon=True).start()
        elif isinstance(message, Start):
            self._start(message)
        elif isinstance(message, Stop) and self._ranks is not None:
            self._ranks.tell()
        elif isinstance(message, Kill) and self._ranks is not None:
            self._ranks.kill()

    def look(self) -> bool:
        """Report what has ended since. Returns whether a rank is left."""
        alive = self._ranks is not None and self._ranks.look()
        if self._shipping is not None:
            self._shipping.ship(at_once=False)
        return alive

    def stop(self) -> None:
        """Have the ranks save and end."""
        self.handle(Stop())

    def close(self) -> None:
        """Leave nothing behind."""
        if self._ranks is not None:
            self._ranks.close()
        self._ranks = None
        if self._probed is not None:
            _forget(self._probed)
            self._probed = None

    def _prepare(self, message: Prepare) -> None:
        self._run = Path(message.run or self._run)
        try:
            run = RunDir(self._run)
            self._shares_folder = prepare_run(run, message)
            data = run.config().data.path if run.run_file.is_file() else None
            report = look_at_host(self._host, run=self._run, data=data, address=self._address)
            self._emit(Prepared(report=report.to_record()))
        except (ConfigError, DatasetError, OSError) as error:
            self._emit(Prepared(error=str(error)))
        except Exception as error:  # a defect, or a damaged file: the coordinator waits for an answer
            self._emit(Prepared(error=described(error)))
            raise

    def _start(self, start: Start) -> None:
        self.close()
        logs = RunDir(self._run).path / "logs" / start.logs
        command = self._command or module_command("trainer.main", str(self._run))
        if start.probe:
            self._probed, command = logs, module_command("launch.doctor.probe")
        place = Place(host=self._host, address=self._address, logs=logs, terminal=self._terminal, held=self._held)
        meeting = None
        try:
            if self._address and not start.master:
                meeting = listen(self._address)
                start = replace(start, master=f"{self._address}:{meeting.getsockname()[1]}")
            self._shipping = None if self._shares_folder else _Shipping(start, logs, self._emit)
            self._ranks = HostRanks(start, command, place=place, emit=self._emit_of_ranks, meeting=meeting)
        except OSError as error:  # no Python, processes, or room for what they need
            self._emit(CannotStart(attempt=start.attempt, error=str(error)))
            return
        finally:
            if meeting is not None:
                meeting.close()
        if meeting is not None:
            self._emit(Listening(attempt=start.attempt, master=start.master))

    def _emit_of_ranks(self, message: Message) -> None:
        """What a rank has printed comes before its end."""
        if isinstance(message, Ended) and self._shipping is not None:
            self._shipping.ship(at_once=True)
        self._emit(message)


def _forget(logs: Path) -> None:
    """Remove the logs of a probe, and the folders that were made for them."""
    shutil.rmtree(logs, ignore_errors=True)
    with contextlib.suppress(OSError):  # not empty: there is more than the probe's, or another host's
        logs.parent.rmdir()
        logs.parent.parent.rmdir()


class _Shipping:
    """Takes the logs to a launcher that does not see this host's folder of the run."""

    def __init__(self, start: Start, logs: Path, emit: Callable[[Message], None]) -> None:
        self._attempt = start.attempt
        self._logs = {
            rank: logs / log_name(rank) for rank in range(start.first_rank, start.first_rank + start.num_ranks)
        }
        self._sent = dict.fromkeys(self._logs, 0)
        self._emit = emit
        self._last_s = 0.0

    def ship(self, *, at_once: bool) -> None:
        """Send what is new, now and then."""
        if not at_once and time.monotonic() - self._last_s < _SHIP_PERIOD_S:
            return
        self._last_s = time.monotonic()
        for rank, log in self._logs.items():
            with contextlib.suppress(OSError), log.open("rb") as file:
                file.seek(self._sent[rank])
                while part := file.read(_PART):
                    self._sent[rank] += len(part)
                    self._emit(LogPart(attempt=self._attempt, rank=rank, text=part.decode("latin-1")))

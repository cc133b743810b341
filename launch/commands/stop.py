"""`diptych stop RUN`: have a run save and end, or only save, from any machine that sees its folder."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from launch.run_state import RunState, look
from sharding.console import PlainConsole, command_line, counted, make_console
from trainer.config.bounds import AtLeast
from trainer.config.errors import ConfigError
from trainer.config.section import check_bounds
from trainer.runs.control import Request, ask, request_file, withdraw
from trainer.runs.rundir import RunDir

_PERIOD_S = 0.5
_NEWS_S = 10.0


@dataclass(frozen=True, kw_only=True)
class StopOptions:
    """Have a run save and end after the step in progress, to be continued later.

    Exit status: 0 when it has done so, 1 if it is not being trained or has not done so in time.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    save_only: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Save a checkpoint now, and go on training."""
    wait: bool = True
    """Wait until it has done so."""
    timeout: Annotated[float, AtLeast(0, "use 0 or more seconds.", most=1e9)] = 300.0
    """Seconds to wait. What was asked stays asked."""


def main(argv: list[str]) -> int:
    """Ask, and wait. Returns the exit status.

    Raises:
        ConfigError: there is no run, or one of its files is damaged, or the request cannot be written.
    """
    options = tyro.cli(StopOptions, args=argv, prog="diptych stop")
    check_bounds(options)
    run, console = RunDir(options.run), make_console()
    before = look(run)
    if not before.is_trained:
        _tell_idle(before, console)
        return 1
    request = Request.SAVE if options.save_only else Request.STOP
    try:
        file = ask(run.path, request)
    except OSError as error:
        raise ConfigError("run", str(run.path), f"cannot be written to ({error.strerror}).") from error
    console.print(f"{run.path} is asked to {'save' if options.save_only else 'save and end'}, by {file}")
    if not options.wait:
        return 0
    return _wait(run, request, before, until_s=time.monotonic() + options.timeout, console=console)


def _tell_idle(state: RunState, console: PlainConsole) -> None:
    if state.state == "silent":
        console.error(
            f"{state.run} has not been heard of for {state.age_s:.0f} s: there may be nobody who would obey. "
            f"`{command_line('diptych', 'status', state.run)}` tells more."
        )
    else:
        console.error(f"{state.run} is not being trained, so there is nothing to stop.")


def _wait(run: RunDir, request: Request, before: RunState, *, until_s: float, console: PlainConsole) -> int:
    news = _News(console)
    is_done = _has_saved if request is Request.SAVE else _has_ended
    while True:
        state = look(run)
        if is_done(run, before, state):
            withdraw(run.path, request)  # it may have come to its end by itself
            console.print(_done(state, request))
            return 0
        if not state.is_trained:
            return _tell_lost(run, request, state, console)
        if time.monotonic() > until_s:
            file = request_file(run.path, request)
            console.error(f"{run.path} has not done so yet. It stays asked to: remove {file} to take that back.")
            return 1
        news.tell(state)
        time.sleep(_PERIOD_S)


def _has_ended(run: RunDir, before: RunState, state: RunState) -> bool:
    return state.state == "ended" and _is_news(before, state)


def _has_saved(run: RunDir, before: RunState, state: RunState) -> bool:
    if state.state == "ended":
        return _is_news(before, state)
    is_taken = not request_file(run.path, Request.SAVE).exists()
    saved = None if state.status is None else state.status.checkpoint
    return is_taken and saved is not None and saved >= before.position and _is_news(before, state)


def _is_news(before: RunState, state: RunState) -> bool:
    return state.status is not None and (before.status is None or state.status.updated > before.status.updated)


def _done(state: RunState, request: Request) -> str:
    saved = None if state.status is None else state.status.checkpoint
    where = "" if saved is None else f" Its newest checkpoint is that of {counted(saved, 'image')}."
    if state.state != "ended":
        return f"{state.run} has saved, and goes on.{where}"
    if state.position >= state.total or request is Request.SAVE:
        return f"{state.run} has ended.{where}"
    again = command_line("diptych", "train", "--resume", state.run)
    return f"{state.run} has saved and ended.{where} To go on: {again}"


def _tell_lost(run: RunDir, request: Request, state: RunState, console: PlainConsole) -> int:
    """Nobody is there any more who would obey; whoever trains it next is not to be stopped."""
    withdraw(run.path, request)
    console.error(f"{state.run} is not heard of any more; it may not have saved. What was asked is taken back.")
    return 1


class _News:
    """Tells now and then how far a run is."""

    def __init__(self, console: PlainConsole) -> None:
        self._console = console
        self._told_s = time.monotonic()

    def tell(self, state: RunState) -> None:
        if time.monotonic() - self._told_s >= _NEWS_S:
            self._told_s = time.monotonic()
            self._console.print(f"still {state.state}, at {state.position} of {counted(state.total, 'image')}")

"""`diptych study serve`: let people take part, in their browsers."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from launch.listening import address, is_open, listen
from sharding.console import counted, make_console
from sharding.storage.lock import only_process
from trainer.config.errors import ConfigError
from trainer.study.design import read_design


@dataclass(frozen=True, kw_only=True)
class Options:
    """Serve the page of a study until Ctrl-C. Every answer is on disk at once: serve it again to go on."""

    study: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="STUDY")]
    """Folder of the study, which `diptych study create` made."""
    host: str = "127.0.0.1"
    """Address to listen on: by default this machine alone can open the page; 0.0.0.0 lets in whoever reaches it."""
    port: int = 8000
    """Port to listen on; 0 for any that is free."""


def main(options: Options) -> int:
    """Serve until interrupted. Returns the exit status. Raises ConfigError with a message for the user."""
    design = read_design(options.study)
    listener = listen(options.host, options.port)
    with listener, only_process(options.study, refuse=lambda text: ConfigError("study", str(options.study), text)):
        from trainer.study.server import serve
        from trainer.study.sessions import Sessions

        sessions = Sessions(options.study, design)
        try:
            _tell(options, listener, num_finished=sessions.num_finished())
            serve(sessions, listener)
        finally:
            num_finished = sessions.num_finished()
            sessions.close()
    make_console().print(f"{counted(num_finished, 'participant')} finished; all answers are in {options.study}.")
    return 0


def _tell(options: Options, listener: socket.socket, *, num_finished: int) -> None:
    console = make_console()
    console.print(f"{options.study}: {counted(num_finished, 'participant')} finished so far. Ctrl-C ends the server.")
    if is_open(options.host):
        console.print("note: every machine that reaches this one can open the page, and it is sent unencrypted: let a")
        console.print("reverse proxy with TLS stand in front of it where that is the internet.")
    console.print(address(options.host, listener), soft_wrap=True)

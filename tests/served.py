"""Commands that serve a page, in processes of their own, for tests that need a whole server."""

import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Server:
    """A running one."""

    process: subprocess.Popen[str]
    said: str
    """All that it has said so far."""
    url: str
    """Of its page, with a slash at the end."""

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.communicate()

    def interrupt(self) -> str:
        """Ctrl-C. Gives what it says at the end."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        return rest


def start_server(folder: Path, *flags: str) -> Server:
    """Serve a study on any free port."""
    return start_command("study", "serve", str(folder), *flags)


def start_command(*words: str) -> Server:
    """A command of `diptych` that serves a page, on any free port."""
    command = [sys.executable, "-m", "launch.cli", *words, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = ""
    while not (found := re.search(r"http://\S+/", said)):
        line = process.stdout.readline()
        assert line, said
        said += line
    return Server(process, said, found[0])

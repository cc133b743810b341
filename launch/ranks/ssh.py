"""Commands of other hosts over ssh: their exact words, and what ssh's refusals mean. Nothing here starts a process."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from launch.hosts.environment import early
from sharding.console import one_line

CONNECT_S = 10
"""A host that has not taken the connection by then does not answer."""

NO_FOLDER = 81
NO_PYTHON = 82
"""Exit statuses of a remote command whose folder, or whose Python, is not there."""

_SSH_FAILED = 255
_LONGEST_SHOWN = 400

_OPTIONS = (
    "BatchMode=yes",  # a question would wait for ever
    f"ConnectTimeout={CONNECT_S}",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=4",
    "ClearAllForwardings=yes",  # a port that the user's configuration forwards is taken by the second connection
    "EscapeChar=none",
)


@dataclass(frozen=True, kw_only=True)
class Ssh:
    """How this user's ssh reaches the hosts, and what it finds there. All else is said by ~/.ssh/config."""

    folder: Path
    """Where commands run, on every host."""
    port: int | None = None
    """Of sshd; ssh's own configuration says it if not given."""
    early: Mapping[str, str]
    """What a Python must have in its environment to start at all: no secrets, it stands in the command."""

    def command(self, host: str, command: Sequence[str]) -> list[str]:
        """The words that run `command` on `host`, with the input and output of ssh.

        Args:
            host: a name that `launch.hosts.hostfile.name_problem` finds nothing wrong with.
        """
        options = [word for option in _OPTIONS for word in ("-o", option)]
        port = [] if self.port is None else ["-p", str(self.port)]
        return ["ssh", "-T", *options, *port, "--", host, self._remote(command)]

    def _remote(self, command: Sequence[str]) -> str:
        """One line for the login shell there: what sh, csh and fish understand alike."""
        python = command[0]
        early = [f"{name}={value}" for name, value in sorted(self.early.items())]
        words = shlex.join([*(["env", *early] if early else []), *command])
        folder = shlex.quote(str(self.folder))
        return f"cd {folder} || exit {NO_FOLDER}; test -x {shlex.quote(python)} || exit {NO_PYTHON}; exec {words}"


def make_ssh(folder: Path, *, environment: Mapping[str, str], port: int | None = None) -> Ssh:
    """`early` is what of the environment that travels cannot wait to be read."""
    return Ssh(folder=folder, port=port, early=early(environment))


_CAUSES = (
    (
        r"Could not resolve hostname",
        "its name is not known here. Correct it in the hostfile, or add it to /etc/hosts or ~/.ssh/config.",
    ),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its key is not the known one, or none is known. Connect once by hand with `ssh HOST`, and look at the key.",
    ),
    (
        r"Permission denied|Too many authentication failures|no mutual signature",
        "it does not let you in without a password. Give it your key with `ssh-copy-id HOST`, or start ssh-agent.",
    ),
    (
        r"Connection refused",
        "no ssh server listens there. Start sshd, or give its port with --ssh-port.",
    ),
    (
        r"timed out|No route to host|Network is unreachable|Host is down",
        "it does not answer. Is it up, and not behind a firewall? Leave it out with --exclude HOST.",
    ),
    (
        r"Connection (?:closed|reset)|kex_exchange|Broken pipe",
        "it closed the connection. See the log of its sshd (MaxStartups, AllowUsers), or try again.",
    ),
)


def explain(host: str, *, status: int, said: str, ssh: Ssh, python: str) -> str:
    """Why a command did not run on a host, with the remedy.

    Args:
        status: exit status of ssh, which is that of the remote command, or 255 if there was none.
        said: what ssh and the command wrote to the standard error.
        python: the command's program.
    """
    if status == NO_FOLDER:
        return f"has no folder {ssh.folder}: start from a folder that all hosts have, as on a shared file system."
    if status == NO_PYTHON:
        return f"has no Python at {python}: make the environment at the same place there, as by `make setup`."
    if "No module named" in said:
        return f"{python} finds no Diptych there: install it, as by `make setup`, or set PYTHONPATH here."
    cause = next((text for pattern, text in _CAUSES if re.search(pattern, said)), None)
    if status == _SSH_FAILED and cause is not None:
        return f"{cause.replace('HOST', host)} ssh said: {last_words(said)}"
    return f"ended with status {status}: {last_words(said) or 'without a word'}"


def last_words(said: str) -> str:
    """The last line that says something, shortened."""
    lines = [line for line in map(one_line, said.splitlines()) if line.strip()]
    line = lines[-1].strip() if lines else ""
    return line if len(line) <= _LONGEST_SHOWN else line[:_LONGEST_SHOWN] + "…"

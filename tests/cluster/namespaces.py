"""Several machines on one: network namespaces with addresses, names and an ssh server each, joined by a bridge.

The bridge lies in a namespace of its own, so nothing is reachable from outside and nothing outside is reached.
Processes of one machine see its host name, its `/etc/hosts`, and no DNS server.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.cluster.netns import own_prefix, pids_in, remove_abandoned, remove_namespace, tell

TOOLS = {"ip": "iproute2", "sshd": "openssh-server", "ssh": "openssh-client", "ssh-keygen": "openssh-client"}
NETNS = Path("/etc/netns")
_NUMBERS = count(1)
_SBIN = "/usr/sbin:/sbin"


def missing(tools: Mapping[str, str] = TOOLS) -> str:
    """Why there can be no machines here: what is missing; empty if nothing is."""
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    path = f"{os.environ['PATH']}:{_SBIN}"
    absent = sorted({package for tool, package in tools.items() if shutil.which(tool, path=path) is None})
    if absent:
        return f"needs the packages {', '.join(absent)}"
    probe = f"diptych-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode != 0:
        return "this machine makes no network namespaces (a container without the right?)"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return ""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One of several machines."""

    name: str
    """Its host name, which the others resolve, too: n1, n2 ..."""
    address: str
    namespace: str
    bin: Path
    """Folder that comes first in PATH; its `ssh` knows keys and hosts of all machines."""

    def command(self, *arguments: str | Path) -> list[str]:
        """What runs `arguments` on this machine."""
        named = 'hostname "$0"; exec "$@"'
        inside = ["unshare", "--uts", "sh", "-c", named, self.name, *map(str, arguments)]
        return ["ip", "netns", "exec", self.namespace, *inside]

    def environment(self, **changes: str) -> dict[str, str]:
        """That of this process, with the machine's own programs first."""
        path = f"{self.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}:{_SBIN}"
        return {**os.environ, "PATH": path, **changes}

    def start(self, *arguments: str | Path, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen:
        """Start a program there, in a session of its own. Options are those of Popen; output is text."""
        options = {"text": True, "start_new_session": True} | options
        return subprocess.Popen(self.command(*arguments), env=self.environment(**(env or {})), **options)

    def run(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 120.0, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a program there to its end, and return what it said."""
        options = {"text": True, "capture_output": True} | options
        command = self.command(*arguments)
        return subprocess.run(command, env=self.environment(**(env or {})), timeout=timeout, check=False, **options)

    def pids(self) -> list[int]:
        """Processes that run there, without its ssh server's listener."""
        return [pid for pid in pids_in(self.namespace) if not _is_listener(pid)]

    def kill(self) -> None:
        """End all that runs there, as a power failure would. Its ssh server answers on."""
        deadline = time.monotonic() + 10
        while (pids := self.pids()) and time.monotonic() < deadline:
            tell(pids, signal.SIGKILL)
            time.sleep(0.05)

    def freeze(self) -> None:
        """Stop all that runs there, the ssh server included, until `thaw`."""
        tell(pids_in(self.namespace), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        tell(pids_in(self.namespace), signal.SIGCONT)

    def cut_off(self) -> None:
        """Take its cable out."""
        subprocess.run(["ip", "-n", self.namespace, "link", "set", "eth0", "down"], check=True)

    def reconnect(self) -> None:
        """Put the cable back."""
        subprocess.run(["ip", "-n", self.namespace, "link", "set", "eth0", "up"], check=True)
        subprocess.run(["ip", "-n", self.namespace, "route", "add", "default", "via", _gateway()], check=False)

    def listening(self) -> list[str]:
        """`address:port` of each TCP port that is listened on there, but for its ssh server's."""
        found = self.run("ss", "-Hltn").stdout
        ports = [line.split()[3] for line in found.splitlines()]
        return sorted(port for port in ports if port != f"{self.address}:22")


def _is_listener(pid: int) -> bool:
    try:
        return b"[listener]" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True  # gone


def _gateway() -> str:
    return "10.77.0.254"


@contextmanager
def make_machines(number: int, folder: Path) -> Iterator[list[Machine]]:
    """So many machines, which are gone afterwards with all that runs there.

    Args:
        folder: for keys, settings and logs of the ssh servers.
    """
    remove_abandoned(NETNS)
    prefix = f"{own_prefix()}{next(_NUMBERS)}"
    machines = [
        Machine(name=f"n{i}", address=f"10.77.0.{i}", namespace=f"{prefix}-n{i}", bin=folder / "bin")
        for i in range(1, number + 1)
    ]
    with ExitStack() as stack:
        _make_bridge(prefix, stack)
        for index, machine in enumerate(machines, start=1):
            _plug_in(machine, index, prefix, stack)
        _write_etc(machines, stack)
        _write_ssh(machines, folder)
        for machine in machines:
            _serve_ssh(machine, folder, stack)
        yield machines


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _add_namespace(name: str, stack: ExitStack) -> None:
    _ip("netns", "add", name)
    stack.callback(remove_namespace, name)
    _ip("-n", name, "link", "set", "lo", "up")


def _make_bridge(prefix: str, stack: ExitStack) -> None:
    _add_namespace(f"{prefix}-net", stack)
    for arguments in (
        ["link", "add", "bridge", "type", "bridge"],
        ["address", "add", f"{_gateway()}/24", "dev", "bridge"],
        ["link", "set", "bridge", "up"],
    ):
        _ip("-n", f"{prefix}-net", *arguments)


def _plug_in(machine: Machine, index: int, prefix: str, stack: ExitStack) -> None:
    _add_namespace(machine.namespace, stack)
    port = f"port{index}"
    peer = ["peer", "name", "eth0", "netns", machine.namespace]
    _ip("-n", f"{prefix}-net", "link", "add", port, "type", "veth", *peer)
    _ip("-n", f"{prefix}-net", "link", "set", port, "master", "bridge", "up")
    _ip("-n", machine.namespace, "address", "add", f"{machine.address}/24", "dev", "eth0")
    _ip("-n", machine.namespace, "link", "set", "eth0", "up")
    _ip("-n", machine.namespace, "route", "add", "default", "via", _gateway())


def _write_etc(machines: Sequence[Machine], stack: ExitStack) -> None:
    """What `ip netns exec` lays over /etc."""
    hosts = "".join(f"{machine.address} {machine.name}\n" for machine in machines)
    for machine in machines:
        etc = NETNS / machine.namespace
        etc.mkdir(parents=True)
        stack.callback(shutil.rmtree, etc, ignore_errors=True)
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
        (etc / "resolv.conf").write_text("")  # nobody is asked
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")


def _write_ssh(machines: Sequence[Machine], folder: Path) -> None:
    """Keys of the user and of the hosts, and an `ssh` that knows them: OpenSSH asks no variable where they are."""
    (folder / "bin").mkdir(parents=True)
    for key in ("user", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    host_key = (folder / "host.pub").read_text()
    known = (f"{name} {host_key}" for machine in machines for name in (machine.name, machine.address))
    (folder / "known_hosts").write_text("".join(known))
    (folder / "ssh_config").write_text(
        f"Host *\n  IdentityFile {folder}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known_hosts\n"
        "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  User root\n"
    )
    ssh = folder / "bin" / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/ssh_config "$@"\n')
    ssh.chmod(0o755)


def _serve_ssh(machine: Machine, folder: Path, stack: ExitStack) -> None:
    Path("/run/sshd").mkdir(exist_ok=True)
    settings = folder / f"sshd-{machine.name}"
    settings.write_text(
        f"ListenAddress {machine.address}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n"
        "MaxStartups 100\n"
    )
    with Path(f"{settings}.log").open("w") as log:
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(settings)]
        server = machine.start(*command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    stack.callback(server.wait)
    stack.callback(server.kill)
    _wait_for_port(machine)


def _wait_for_port(machine: Machine) -> None:
    deadline = time.monotonic() + 20
    while f"{machine.address}:22" not in machine.run("ss", "-Hltn").stdout:
        assert time.monotonic() < deadline, f"sshd of {machine.name} does not listen"
        time.sleep(0.05)

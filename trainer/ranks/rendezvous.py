"""Where ranks meet: on one machine in a file that nobody else can touch, and no port; on several at an address.

Read without torch: who starts ranks says it in these variables, and ranks hear it.
"""

import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

STORE_VARIABLE = "DIPTYCH_STORE"
"""Environment variable: the file in which ranks of one machine meet. It must not exist before the first of them."""

ADDRESS_VARIABLE = "DIPTYCH_ADDRESS"
"""Environment variable of ranks on several machines: the address of their own machine at which the others reach it."""

LISTEN_VARIABLE = "DIPTYCH_LISTEN_FD"
"""Environment variable of rank 0: an inherited descriptor that listens already, at MASTER_ADDR and MASTER_PORT."""

HOST_VARIABLE = "DIPTYCH_HOST"
"""Environment variable: what this machine is called among those of the run; its own name if it is not set."""

_PATIENCE_WITH_DNS = "timeout:1 attempts:2"
"""Seconds, and times, to ask each DNS server: torch asks for the name of each address that it connects to, to show it
in messages, and waits. One that does not answer costs 10 s each time if glibc is left to itself."""

_LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "=lo"}  # NCCL takes "lo" for the start of a name


class RendezvousError(RuntimeError):
    """The file in which ranks are to meet is not safe from others, or the address is none of this machine."""


@contextmanager
def private_store() -> Iterator[Path]:
    """A file for `STORE_VARIABLE` in a new folder that is only the user's (mode 0700), and is removed afterwards."""
    with TemporaryDirectory(prefix="diptych-ranks-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "store"


def require_private(store: Path) -> None:
    """Refuse a file that others could read, write or replace: who writes there tells ranks whom to talk to.

    Raises:
        RendezvousError: its folder is missing, a link, another user's, or open to others.
    """
    folder = store.parent
    try:
        found = folder.lstat()
    except OSError as error:
        raise _refusal(store, f"its folder cannot be looked at ({error.strerror})") from error
    if not stat.S_ISDIR(found.st_mode):
        raise _refusal(store, f"{folder} is a link or no folder")
    if found.st_uid != os.geteuid():
        raise _refusal(store, f"{folder} belongs to user {found.st_uid}, not to {os.geteuid()}")
    if stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise _refusal(store, f"{folder} has mode {stat.S_IMODE(found.st_mode):04o}, so others can reach into it")


def _refusal(store: Path, reason: str) -> RendezvousError:
    return RendezvousError(
        f"{STORE_VARIABLE} = {str(store)!r}: {reason}; name a file in a folder that `mktemp -d` has just made."
    )


def stay_on_loopback() -> None:
    """Ranks of one machine hear nobody else, whichever interface the environment names.

    To be called before the first process group: gloo and NCCL read this for each group that they make, those of
    DeepSpeed and DistributedDataParallel included.
    """
    os.environ.update(_LOOPBACK)


def stay_on_interface(address: str) -> None:
    """Ranks of several machines listen on the interface that has `address` alone, unless the user names another.

    To be called as `stay_on_loopback`. The user's GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME stand: a cluster may have
    one network to talk over and a faster one for gradients.

    Args:
        address: of this machine, in digits.

    Raises:
        RendezvousError: no interface of this machine has it.
    """
    name = interface_of(address)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
    os.environ.setdefault("NCCL_SOCKET_IFNAME", f"={name}")
    os.environ.setdefault("RES_OPTIONS", _PATIENCE_WITH_DNS)


def interface_of(address: str) -> str:
    """The interface of this machine that has an address, e.g. `eth0`. Raises RendezvousError if none has."""
    import psutil  # late: who starts one rank needs no list of interfaces

    there_are: list[str] = []
    for name, addresses in psutil.net_if_addrs().items():
        for own in addresses:
            if own.family in (socket.AF_INET, socket.AF_INET6):
                there_are.append(own.address.partition("%")[0])
                if _is_same(there_are[-1], address):
                    return name
    raise RendezvousError(
        f"{ADDRESS_VARIABLE} = {address!r}: no interface of this machine has this address; it has "
        f"{', '.join(there_are)}. Give one of them, at which the other machines reach this one."
    )


def _is_same(one: str, other: str) -> bool:
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    except ValueError:  # a name
        return False


def listen(address: str, port: int = 0) -> socket.socket:
    """A socket that listens at one address of this machine alone: for `LISTEN_VARIABLE`, or for rank 0 itself.

    Args:
        address: in digits.
        port: any free one if not given.

    Raises:
        OSError: the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=4096)


def own_host() -> str:
    """What this machine is called among those of the run."""
    return os.environ.get(HOST_VARIABLE) or socket.gethostname()

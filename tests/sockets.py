"""Who listens where, as the kernel tells it."""

import contextlib
import ipaddress
from collections.abc import Iterable
from pathlib import Path

import psutil

_LISTEN = "0A"


def open_to_others(processes: Iterable[psutil.Process]) -> list[str]:
    """Addresses other than this machine's own, at which one of the processes can be reached, with its name."""
    names = {inode: name for process in processes for inode, name in _sockets(process)}
    return sorted(
        f"{names[inode]} {address}"
        for inode, address in _listening()
        if inode in names and not _is_loopback(ipaddress.ip_address(address))
    )


def _sockets(process: psutil.Process) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    found.append((target.removeprefix("socket:[").rstrip("]"), process.name()))
    return found


def _listening() -> list[tuple[str, str]]:
    """Inode and address of each TCP socket that listens."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state, inode = (line.split()[column] for column in (1, 3, 9))
            if state == _LISTEN:
                found.append((inode, _address(local.partition(":")[0])))
    return found


def _address(text: str) -> str:
    """The kernel writes each 32 bits in the machine's own order."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback

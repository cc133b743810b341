"""The store in which ranks meet: what torch needs before it can make a process group."""

import os
from datetime import timedelta
from pathlib import Path

from torch._C._distributed_c10d import FileStore, HashStore, Store, TCPStore

from trainer.ranks.names import no_names_asked
from trainer.ranks.rendezvous import (
    ADDRESS_VARIABLE,
    LISTEN_VARIABLE,
    STORE_VARIABLE,
    RendezvousError,
    listen,
    require_private,
    stay_on_interface,
    stay_on_loopback,
)


def open_store(*, rank: int, size: int, timeout: timedelta) -> Store | None:
    """Where all ranks meet, as the environment has it; None if that is left to torch and its own variables.

    Sets which interface gloo and NCCL listen on.

    Args:
        timeout: until all of them must have come.

    Raises:
        RendezvousError: others can reach the file, or variables are missing or wrong.
    """
    store = _store_of(rank=rank, size=size, timeout=timeout)
    if store is not None:
        store.set_timeout(timeout)
    return store


def _store_of(*, rank: int, size: int, timeout: timedelta) -> Store | None:
    if size == 1:
        # DeepSpeed wants a process group even for one rank.
        os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0")
        stay_on_loopback()
        return HashStore()
    if STORE_VARIABLE in os.environ:
        path = os.environ[STORE_VARIABLE]
        require_private(Path(path))
        stay_on_loopback()
        return FileStore(path, size)
    if ADDRESS_VARIABLE in os.environ:
        stay_on_interface(os.environ[ADDRESS_VARIABLE])
        return _remote_store(rank=rank, size=size, timeout=timeout)
    return None


def _remote_store(*, rank: int, size: int, timeout: timedelta) -> Store:
    """Of several machines. torch's own way listens on all interfaces; a descriptor does on the one that it is bound to.

    Nobody waits for the others yet: whoever makes a process group does.
    """
    address, port = os.environ.get("MASTER_ADDR", ""), os.environ.get("MASTER_PORT", "")
    if not address or not port.isdecimal():
        raise RendezvousError(
            f"MASTER_ADDR = {address!r} and MASTER_PORT = {port!r}: ranks of several machines meet there; give the "
            "address and a free port of rank 0's machine, the same to all ranks."
        )
    descriptor = _listening(int(port)) if rank == 0 else None
    with no_names_asked(address):
        return TCPStore(
            address,
            int(port),
            size,
            is_master=rank == 0,
            timeout=timeout,
            wait_for_workers=False,
            master_listen_fd=descriptor,
        )


def _listening(port: int) -> int:
    """The descriptor that rank 0 has inherited, or one of its own. The store closes it."""
    inherited = os.environ.pop(LISTEN_VARIABLE, None)
    if inherited is not None:
        return int(inherited)
    return listen(os.environ[ADDRESS_VARIABLE], port).detach()

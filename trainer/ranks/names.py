"""Names of machines: nobody needs them where ranks meet at addresses in digits, and who tells them may not answer."""

import ctypes
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager

_RETRY = 1
"""Second of the numbers that glibc's `struct __res_state` begins with: how often each DNS server is asked."""


@contextmanager
def no_names_asked(address: str) -> Iterator[None]:
    """While inside, this thread asks no DNS server, if `address` is in digits: /etc/hosts alone is looked into.

    torch asks for the name of the address that its store connects to, for messages, and waits for the answer.
    """
    numbers = _resolver() if _is_in_digits(address) else None
    if numbers is None:
        yield
        return
    before, numbers[_RETRY] = numbers[_RETRY], 0
    try:
        yield
    finally:
        numbers[_RETRY] = before


def _is_in_digits(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _resolver() -> "ctypes.Array[ctypes.c_int] | None":
    """What this thread's look-ups read; None where the C library is not glibc."""
    library = ctypes.CDLL(None)
    try:
        begin, state = library.__res_init, library.__res_state
    except AttributeError:
        return None
    state.restype = ctypes.POINTER(ctypes.c_int * 2)
    numbers = state().contents
    if not any(numbers):  # no name was asked for in this thread yet
        begin()
    return numbers

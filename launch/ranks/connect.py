"""An agent's way to its coordinator: tried until it listens, and no try takes longer than seconds."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable

from launch.ranks.wire import TokenError, Wire, answer_coordinator

TRY_S = 5.0
"""A name that is not resolved, or an address that does not answer, by then is tried again."""

_RETRY_S = 0.5


def connect(
    coordinator: tuple[str, int], token: str, *, patience_s: float, given_up: Callable[[], bool]
) -> Wire | None:
    """Try until it listens; None if given up before.

    Raises:
        OSError: nobody has answered within `patience_s`.
        TokenError: whoever answers has another token.
    """
    deadline = time.monotonic() + patience_s
    while not given_up():
        try:
            return answer_coordinator(_open(*coordinator), token)
        except TokenError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
    return None


def _open(name: str, port: int) -> socket.socket:
    """A connection to the first of its addresses that takes one."""
    *others, last = resolve(name, within_s=TRY_S)
    for address in others:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), timeout=TRY_S)
    return socket.create_connection((last, port), timeout=TRY_S)


def resolve(name: str, *, within_s: float) -> list[str]:
    """The addresses of a name, in digits; at least one. The resolver itself waits as long as it likes.

    Raises:
        OSError: there is no such name, or no DNS server has answered by then.
    """
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put([str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)])
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=within_s)
    except queue.Empty:
        raise TimeoutError(
            f"no DNS server has told the address of {name!r} within {within_s:g} s; give it in digits, "
            "or have /etc/hosts tell it."
        ) from None
    if isinstance(answer, OSError):
        raise OSError(f"the name {name!r} is not known here ({answer.strerror}).") from answer
    return answer

"""A connection between coordinator and agent: both show that they know the token, and every line is signed.

The token itself never travels. Nothing that arrives is unpickled or run before its signature was checked.
"""

import contextlib
import hashlib
import hmac
import secrets
import socket
import threading

from launch.ranks.messages import Message, MessageError, decode, encode

HANDSHAKE_S = 10.0
"""Whoever connects and does not show the token by then is sent away."""

_NONCE_BYTES = 32
_LONGEST = 16 << 20


class WireError(ConnectionError):
    """The connection is over: closed, silent for too long, or the other side is not who it should be."""


class TokenError(WireError):
    """The other side has another token."""


class Wire:
    """One end of a connection whose other end has shown the token.

    Args:
        key: of this connection alone; both sides derive it from the token and two numbers used once.
        me: which side this is; lines of one side are no lines of the other.
    """

    def __init__(self, connection: socket.socket, *, key: bytes, me: bytes, other: bytes) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self._key, self._me, self._other = key, me, other
        self._sent = self._received = 0
        self._sending = threading.Lock()

    @property
    def own_address(self) -> str:
        """This host's address, on the interface that leads to the other side."""
        return self._connection.getsockname()[0]

    @property
    def other_address(self) -> str:
        """The other host's address, as it is seen here."""
        return self._connection.getpeername()[0]

    def set_patience(self, seconds: float) -> None:
        """How long the other side may be silent, or its buffer full, before `receive` and `send` give up."""
        self._connection.settimeout(seconds)

    def send(self, message: Message) -> None:
        """Send from any thread. Raises WireError."""
        content = encode(message)
        with self._sending:
            line = _sign(self._key, self._me, self._sent, content) + b" " + content + b"\n"
            self._sent += 1
            try:
                self._connection.sendall(line)
            except OSError as error:
                raise WireError(f"nothing can be sent ({error})") from error

    def receive(self) -> Message:
        """The next message. Raises WireError."""
        try:
            line = self._file.readline(_LONGEST)
        except TimeoutError as error:
            raise WireError(f"nothing was heard for {self._connection.gettimeout():.0f} s") from error
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile by this side
            raise WireError(f"the connection is lost ({error})") from error
        if not line.endswith(b"\n"):
            raise WireError("the connection was closed")
        signature, _, content = line[:-1].partition(b" ")
        if not hmac.compare_digest(signature, _sign(self._key, self._other, self._received, content)):
            raise WireError("a line came that was not signed with the token")
        self._received += 1
        try:
            return decode(content)
        except MessageError as error:
            raise WireError(f"the other side speaks differently: is it the same version? ({error})") from error

    def close(self) -> None:
        """End the connection; whoever waits in `receive` is told."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def answer_agent(connection: socket.socket, token: str) -> Wire:
    """The coordinator's side of the handshake. Raises WireError."""
    return _shake(connection, token, me=b"coordinator", other=b"agent")


def answer_coordinator(connection: socket.socket, token: str) -> Wire:
    """The agent's side of the handshake. Raises WireError."""
    return _shake(connection, token, me=b"agent", other=b"coordinator")


def _shake(connection: socket.socket, token: str, *, me: bytes, other: bytes) -> Wire:
    """Each side sends a number used once, and then both numbers signed with the token."""
    connection.settimeout(HANDSHAKE_S)
    mine = secrets.token_bytes(_NONCE_BYTES)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(mine)
        theirs = _read(connection, _NONCE_BYTES)
        both = b"".join(sorted((me + b":" + mine, other + b":" + theirs)))
        secret = token.encode()
        connection.sendall(hmac.digest(secret, me + both, hashlib.sha256))
        proof = _read(connection, hashlib.sha256().digest_size)
    except OSError as error:
        raise WireError(f"no answer to the greeting ({error})") from error
    if not hmac.compare_digest(proof, hmac.digest(secret, other + both, hashlib.sha256)):
        raise TokenError("the other side has another token: set DIPTYCH_TOKEN to the same on all hosts")
    return Wire(connection, key=hmac.digest(secret, b"lines" + both, hashlib.sha256), me=me, other=other)


def _read(connection: socket.socket, size: int) -> bytes:
    content = connection.recv(size, socket.MSG_WAITALL)
    if len(content) < size:
        raise WireError("the connection was closed")
    return content


def _sign(key: bytes, side: bytes, number: int, content: bytes) -> bytes:
    return hmac.new(key, b"%b %d " % (side, number) + content, hashlib.sha256).hexdigest().encode()

"""An agent on its way to a coordinator that is late, unknown, silent or another job's."""

import socket
import threading
import time

import pytest

from launch.ranks.connect import connect, resolve
from launch.ranks.messages import Beat
from launch.ranks.wire import TokenError, WireError, answer_agent

TOKEN = "t" * 32


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def greet(port: int, *, after_s: float = 0.0, token: str = TOKEN) -> None:
    """Be the coordinator that listens from then on, and sends one message."""
    time.sleep(after_s)
    with socket.create_server(("127.0.0.1", port)) as server:
        connection, _ = server.accept()
        try:
            answer_agent(connection, token).send(Beat())
        except WireError:
            connection.close()


def test_one_that_listens_later_is_found():
    port = free_port()
    threading.Thread(target=greet, args=(port,), kwargs={"after_s": 0.7}, daemon=True).start()
    wire = connect(("localhost", port), TOKEN, patience_s=20, given_up=lambda: False)
    assert wire is not None
    assert wire.receive() == Beat()
    wire.close()


def test_one_with_another_token_is_not_asked_again():
    port = free_port()
    threading.Thread(target=greet, args=(port,), kwargs={"token": "other"}, daemon=True).start()
    time.sleep(0.2)
    with pytest.raises(TokenError):
        connect(("127.0.0.1", port), TOKEN, patience_s=20, given_up=lambda: False)


def test_one_that_does_not_listen_is_told():
    with pytest.raises(ConnectionRefusedError):
        connect(("127.0.0.1", free_port()), TOKEN, patience_s=0.1, given_up=lambda: False)


def test_whoever_is_told_to_stop_tries_no_more():
    assert connect(("127.0.0.1", free_port()), TOKEN, patience_s=20, given_up=lambda: True) is None


def test_a_name_is_resolved():
    assert "127.0.0.1" in resolve("localhost", within_s=5)
    assert resolve("10.77.0.1", within_s=5) == ["10.77.0.1"]


def test_a_name_that_there_is_not_is_told():
    with pytest.raises(OSError, match=r"'no-such-host\.invalid'"):
        resolve("no-such-host.invalid", within_s=20)


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    """A real DNS server that does not answer is asked in the tests of several machines."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(60))
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no DNS server has told the address of 'head' within 0\.2 s"):
        resolve("head", within_s=0.2)
    assert time.monotonic() - began < 10

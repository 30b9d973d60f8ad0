"""Of too many connections to a port, silent ones of the address that has most are closed."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import sleep

import pytest

from service.net import connection_limit
from service.net.connection_limit import Connection, ConnectionLimit

Connect = Callable[[str], tuple[socket.socket, socket.socket]]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def connect(listener: socket.socket) -> Iterator[Connect]:
    """Return what opens a connection from an address, as the client's and the server's socket."""
    with ExitStack() as stack:

        def connect(address: str) -> tuple[socket.socket, socket.socket]:
            client = stack.enter_context(socket.create_connection(listener.getsockname(), 60, (address, 0)))
            return client, stack.enter_context(listener.accept()[0])

        yield connect


def is_open(client: socket.socket) -> bool:
    """Return whether the server has not closed the connection."""
    client.settimeout(0)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True


def test_surplus(listener: socket.socket, connect: Connect):
    """The address with most connections loses those that are silent the longest; listeners and others lose none."""
    others = [connect("127.0.0.2")[0]]
    silent = [connect("127.0.0.1")[0] for _ in range(3)]
    sleep(0.05)
    active = connect("127.0.0.1")[0]
    port = listener.getsockname()[1]
    assert ConnectionLimit(port, 6).close_surplus() == 0
    assert ConnectionLimit(port, 3).close_surplus() == 2
    assert [is_open(client) for client in (*others, active)] == [True] * 2
    assert sum(map(is_open, silent)) == 1
    assert connect("127.0.0.1")


def test_activity(listener: socket.socket, connect: Connect):
    """A connection that sends is not silent, however old it is."""
    (old, served), *_ = [connect("127.0.0.1")]
    sleep(0.05)
    newer = connect("127.0.0.1")[0]
    sleep(0.05)
    old.sendall(b"x")
    served.recv(1)
    assert ConnectionLimit(listener.getsockname()[1], 1).close_surplus() == 1
    assert is_open(old)
    assert not is_open(newer)


def test_addresses_with_equally_many(listener: socket.socket, connect: Connect):
    """An active caller keeps its connection if no address has more connections than others."""
    silent = [connect(f"127.0.0.{number}")[0] for number in range(2, 5)]
    sleep(0.05)
    active = connect("127.0.0.1")[0]
    assert ConnectionLimit(listener.getsockname()[1], 2).close_surplus() == 2
    assert is_open(active)
    assert sum(map(is_open, silent)) == 1


def test_a_caller_in_a_crowd(listener: socket.socket, connect: Connect):
    """A caller at work does not lose a connection to a crowd of addresses by having one more than each of them."""
    silent = [connect(f"127.0.1.{1 + number // 2}")[0] for number in range(6)]
    sleep(0.05)
    active = [connect("127.0.0.1")[0] for _ in range(3)]
    assert ConnectionLimit(listener.getsockname()[1], 6).close_surplus() == 3
    assert [is_open(client) for client in active] == [True] * 3
    assert sum(map(is_open, silent)) == 3


def test_network():
    """The addresses of an IPv6 network of 64 bits count together."""
    hosts = [*(f"2001:db8::{n}" for n in range(1, 4)), "2001:db8:0:1::1"]
    connections = [Connection(n, (host, n), silent_ms=n) for n, host in enumerate(hosts)]
    closed: list[tuple[str, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection_limit, "_connections", lambda _: connections)
        patch.setattr(connection_limit, "_shut_down", lambda one: closed.append(one.peer))
        assert ConnectionLimit(1, 3).close_surplus() == 1
    assert closed == [("2001:db8::3", 2)]

"""The gRPC port tells its limits in HTTP/2, and sends away clients that ping without end."""

import struct
from collections.abc import Iterator
from socket import create_connection, socket

import pytest

from tests.contract.clients import TIMEOUT_S
from tests.process import RunningService

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
STREAMS_MAX, HEADERS_BYTES_MAX = 3, 6
ENHANCE_YOUR_CALM = 11

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.fixture
def connection(running: RunningService) -> Iterator[socket]:
    """Open a connection with no settings of its own."""
    host, _, port = running.grpc.rpartition(":")
    with create_connection((host, int(port)), TIMEOUT_S) as opened:
        opened.sendall(PREFACE + frame(SETTINGS))
        yield opened


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, 0, 0, 0, 0, 0)) + payload


def exactly(connection: socket, size: int) -> bytes:
    """Return the next bytes; fewer only where the connection ends."""
    found = b""
    while len(found) < size and (more := connection.recv(size - len(found))):
        found += more
    return found


def first(kind: int, connection: socket) -> bytes:
    """Return what the next frame of this kind holds, passing over others."""
    while head := exactly(connection, 9):
        payload = exactly(connection, int.from_bytes(head[:3], "big"))
        if head[3] == kind:
            return payload
    raise AssertionError("the connection ended")


def test_settings(connection: socket) -> None:
    """Clients are told how many calls they may have at a time, and how much metadata."""
    told = dict(struct.iter_unpack(">HI", first(SETTINGS, connection)))
    assert told[STREAMS_MAX] == 256
    assert told[HEADERS_BYTES_MAX] == 16 * 2**10


def test_too_many_pings(connection: socket) -> None:
    """A client that asks again and again whether the server is there is sent away, and told why."""
    connection.sendall(frame(PING, b"01234567") * 5)
    payload = first(GOAWAY, connection)
    assert int.from_bytes(payload[4:8], "big") == ENHANCE_YOUR_CALM
    assert payload[8:] == b"too_many_pings"

"""A limit on the connections of a port whose server accepts them itself and has no limit of its own by peer."""

import asyncio
import errno
import logging
import os
import socket
import struct
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple, NoReturn

from service.net.network import network_of

_PERIOD_S, _BUSY_PERIOD_S = 0.25, 0.05
"""Seconds between two looks; the shorter after one that closed connections, so that others find a place soon."""
_LOOK_SHARE = 0.1  # Share of the time that looks take at most: 20 us a descriptor.
_DESCRIPTORS = Path("/proc/self/fd")  # Linux; elsewhere there is no such folder and no limit.
_LAST_DATA_RECEIVED = 52  # Offset in bytes in `struct tcp_info` of linux/tcp.h; milliseconds as a 32-bit number.
_log = logging.getLogger("rerankd")


class Connection(NamedTuple):
    """An accepted connection."""

    descriptor: int
    peer: tuple[str, int]
    """Host and port of the peer; two more numbers for IPv6."""
    silent_ms: int
    """Milliseconds since the peer sent anything."""


class ConnectionLimit:
    """Closes connections of a port beyond a limit.

    Of the addresses, or /64 networks of IPv6, that have more than half as many as the one with most, the connection
    closes that has been silent the longest: callers with few, and callers that are active, keep theirs.
    """

    def __init__(self, port: int, most: int) -> None:
        """Keep at most `most` connections of the local TCP `port` open."""
        self._port = port
        self._most = most

    async def keep(self) -> NoReturn:
        """Close connections beyond the limit, for as long as the task runs."""
        pause_s = _PERIOD_S
        while True:
            await asyncio.sleep(pause_s)
            start = monotonic()
            closed = await asyncio.to_thread(self.close_surplus)
            pause_s = max(_BUSY_PERIOD_S if closed else _PERIOD_S, (monotonic() - start) / _LOOK_SHARE)
            if closed:
                _log.warning("closed %d silent connections: more than %d are open", closed, self._most)

    def close_all(self) -> None:
        """Close all connections."""
        for connection in _connections(self._port):
            _shut_down(connection)

    def close_surplus(self) -> int:
        """Close the connections beyond the limit, and return their number."""
        connections = _connections(self._port)
        by_address: defaultdict[str, deque[Connection]] = defaultdict(deque)
        for connection in sorted(connections, key=lambda one: -one.silent_ms):
            by_address[network_of(connection.peer[0])].append(connection)
        surplus = max(len(connections) - self._most, 0)
        for _ in range(surplus):
            half = max(map(len, by_address.values())) / 2
            many = (waiting for waiting in by_address.values() if len(waiting) > half)
            _shut_down(max(many, key=lambda waiting: waiting[0].silent_ms).popleft())
        return surplus


def _connections(port: int) -> list[Connection]:
    """Return the connections of this process to a local port."""
    found = []
    for path in _DESCRIPTORS.iterdir() if _DESCRIPTORS.exists() else ():
        with suppress(OSError), _copy(int(path.name)) as copy:
            if copy.getsockname()[1] == port and not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED + 4)
                (silent_ms,) = struct.unpack_from("I", info, _LAST_DATA_RECEIVED)
                found.append(Connection(int(path.name), copy.getpeername(), silent_ms))
    return found


def _shut_down(connection: Connection) -> None:
    """Close a connection, unless its descriptor has another one by now."""
    with suppress(OSError), _copy(connection.descriptor) as copy:
        if copy.getpeername() == connection.peer:
            copy.shutdown(socket.SHUT_RDWR)


@contextmanager
def _copy(descriptor: int) -> Iterator[socket.socket]:
    """Enter a copy of a socket, which another thread may close meanwhile. Raises OSError if it is no TCP socket."""
    copied = os.dup(descriptor)
    try:
        copy = socket.socket(fileno=copied)
    except OSError:
        os.close(copied)
        raise
    with copy:
        if copy.family not in (socket.AF_INET, socket.AF_INET6):
            raise OSError(errno.EAFNOSUPPORT, "no TCP socket")
        yield copy

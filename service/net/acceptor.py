"""Acceptance of connections, as many as there are places and descriptors."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial

from service.net.arrival import Arrival
from service.net.connections import Connection, Connections
from service.net.http_connection import HttpConnection, Times
from service.net.rotation import Rotation

_QUEUE = 2048
"""Connections that the kernel accepts in advance (Linux: at most net.core.somaxconn). They hold no descriptors."""
_AT_ONCE = 8
"""Connections that are accepted in one turn of the event loop; a silent one costs about 30 us, others 150 us.

With 64, /livez took 200 ms beside 4,500 connections a second; with 4 to 16, 30 to 77 ms."""
_RETRY_S = 0.1


class Acceptor:
    """Accepts connections on a socket.

    asyncio's own server accepts as many as are queued before it creates the first protocol, so that none could be
    refused before the process is out of descriptors; CPython 3.11 then logs once for each place in the queue.
    """

    def __init__(
        self,
        listener: socket.socket,
        connections: Connections,
        rotation: Rotation,
        *,
        create: Callable[[Callable[[HttpConnection], None]], HttpConnection],
        times: Times,
        tls: ssl.SSLContext | None,
    ) -> None:
        """Accept into `connections`, which begin in `rotation`.

        `create` returns a connection that calls its argument when it is lost.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._connections = connections
        self._rotation = rotation
        self._create = create
        self._times = times
        self._tls = tls
        self._handshake_s = times.head_s if tls else None
        self._paused = True
        self._closed = False
        listener.settimeout(0)
        listener.listen(_QUEUE)
        self._resume()
        self._check = self._loop.call_later(times.check_s, self._check_all)

    def close(self) -> None:
        """Accept no more, and give up on silent connections and handshakes."""
        self._pause()
        self._closed = True
        self._check.cancel()
        self._connections.abort_new()

    def _check_all(self) -> None:
        self._connections.check(self._loop.time())
        self._resume()  # A connection may have become idle, and can be closed for another.
        self._check = self._loop.call_later(self._times.check_s, self._check_all)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._loop.remove_reader(self._listener)

    def _resume(self) -> None:
        if self._paused and not self._closed:
            self._paused = False
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if self._connections.full:
                return  # Some are being closed.
            try:
                accepted, (host, *_) = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # Other parts of the process have taken the descriptors, or the machine is out of them.
                self._connections.evict()
                self._pause()
                self._loop.call_later(_RETRY_S, self._resume)
                return
            arrival = Arrival(accepted, host, self._times.head_s, self._spoken, self._lost)
            self._connections.add(arrival, host)
            if arrival in self._connections:
                arrival.begin()

    def _spoken(self, arrival: Arrival) -> None:
        self._rotation.begin(arrival.host, partial(self._begin, arrival))

    def _begin(self, arrival: Arrival) -> None:
        if arrival not in self._connections:
            return  # It was closed meanwhile.
        if arrival.has_left:
            arrival.abort()
            return
        connection = self._create(self._lost)
        self._connections.replace(arrival, connection)
        if arrival.refused:
            connection.refuse()
        connection.establishing = self._loop.create_task(self._establish(connection, arrival.socket))
        connection.establishing.add_done_callback(partial(self._established, connection, arrival.socket))

    async def _establish(self, connection: HttpConnection, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, accepted, ssl=self._tls, ssl_handshake_timeout=self._handshake_s
            )
        except OSError as error:  # TLS errors and timeouts are OSErrors.
            # Its frames hold it, and a TLS connection of 300 KB, until Python searches for garbage.
            error.__traceback__ = None

    def _established(self, connection: HttpConnection, accepted: socket.socket, _: object) -> None:
        """Note the end of a handshake, even of one that was cancelled before it began."""
        connection.establishing = None
        if not connection.transport:
            accepted.close()
            self._lost(connection)

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._resume()

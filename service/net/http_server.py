"""HTTP servers in a process that handles signals itself."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from service.net.acceptor import Acceptor
from service.net.address import Address
from service.net.answer_pieces import in_pieces
from service.net.connections import Connections
from service.net.http_connection import HttpConnection, Times
from service.net.rotation import Rotation, in_rotation

DEFAULT_TIMES = Times()
CLOSING_S = 2.0
"""Seconds for sending the last answers after the drain."""
_HEAD_BYTES_MAX = 16 * 2**10
"""Limit on request line and headers, equal to that on gRPC metadata; a larger head is refused with 400."""
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
"""uvicorn warns of each malformed or upgrade request, so clients could fill the log."""


class AddressError(Exception):
    """The server cannot listen on an address."""


class HttpServer(uvicorn.Server):
    """An HTTP server on one address."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        idle_s: int,
        connections_max: int,
        rotation: Rotation,
        times: Times = DEFAULT_TIMES,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Serve `app`, over TLS with the context `tls`, on at most `connections_max` connections.

        Connections and requests begin in `rotation`, which servers share.

        A connection closes if it is idle for `idle_s` seconds, or if its client is late by `times`.
        """
        super().__init__(
            uvicorn.Config(
                in_rotation(in_pieces(app), rotation),
                http=HttpConnection,  # By h11: httptools drops bodies sent with Upgrade: h2c.
                ws="none",  # No WebSockets, even where their library is installed.
                interface="asgi3",  # "auto" guesses from the signature.
                lifespan="off",
                log_config=None,
                access_log=False,  # The service logs each call itself.
                proxy_headers=False,  # A caller is known by its connection; a header could forge it.
                server_header=False,  # Do not disclose the library to attackers.
                date_header=True,  # Required by RFC 9110, section 6.6.1.
                limit_concurrency=None,  # The scheduler refuses calls, with a reason; Connections limits connections.
                limit_max_requests=None,
                h11_max_incomplete_event_size=_HEAD_BYTES_MAX,
                timeout_keep_alive=idle_s,
                timeout_graceful_shutdown=round(CLOSING_S),  # Then incomplete requests are dropped.
                ssl_context_factory=(lambda *_: tls) if tls else None,
            )
        )
        self._connections = Connections(connections_max)
        self._rotation = rotation
        self._times = times
        self._task: asyncio.Task[None] | None = None
        self._listener: socket.socket | None = None
        self._acceptor: Acceptor | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections; uvicorn calls it."""
        assert sockets  # noqa: S101
        create = partial(HttpConnection, self.config, self.server_state, self._times)
        self._acceptor = Acceptor(
            sockets[0], self._connections, self._rotation, create=create, times=self._times, tls=self.config.ssl
        )
        self.servers = []  # asyncio's, which uvicorn would close.
        self.started = True

    async def listen(self, address: Address) -> int:
        """Serve on `address`; return the port. Raises AddressError."""
        self._listener = listening(address)
        self._task = asyncio.create_task(self.serve([self._listener]))
        while not self.started and not self._task.done():  # noqa: ASYNC110  # uvicorn has no event for it.
            await asyncio.sleep(0)
        if self._task.done():
            self._task.result()
        port: int = self._listener.getsockname()[1]
        return port

    async def stop(self) -> None:
        """Answer the open requests and close."""
        if self._acceptor:
            self._acceptor.close()
        self.should_exit = True
        if self._task:
            await self._task
        if self._listener:
            self._listener.close()


def listening(address: Address) -> socket.socket:
    """Return a socket bound to `address`. Raises AddressError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio disables Nagle's algorithm only on sockets created with IPPROTO_TCP. The algorithm would delay the body of
    # an answer until the client acknowledges its head: 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
    except OSError as error:
        listener.close()
        raise AddressError(f"cannot listen on {address}: {error.strerror}") from None
    return listener

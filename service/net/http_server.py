"""HTTP servers in a process that handles signals itself."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from service.net.address import Address

CLOSING_S = 2.0
"""Seconds for the last answers to be sent after the work is done."""
_HEAD_BYTES_MAX = 16 * 2**10
"""Limit on request line and headers, equal to that on gRPC metadata; a larger head is refused with 400."""
_BACKLOG = 2048
"""Length of the queue of connections to accept, uvicorn's own; the kernel may cap it (Linux: net.core.somaxconn)."""
# It warns of each request that is not HTTP or asks for another protocol, with which clients could fill the log.
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


class AddressError(Exception):
    """The server cannot listen on an address."""


class HttpServer(uvicorn.Server):
    """An HTTP server on one address."""

    def __init__(self, app: ASGIApp, *, idle_s: int, tls: ssl.SSLContext | None = None) -> None:
        """Serve `app`, encrypted with `tls` if given; close a connection after `idle_s` without a request."""
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",  # "auto" prefers httptools, which drops bodies sent with Upgrade: h2c.
                ws="none",  # No WebSockets, even where their library is installed.
                interface="asgi3",  # "auto" guesses from the signature.
                lifespan="off",
                log_config=None,
                access_log=False,  # The service logs each call itself.
                proxy_headers=False,  # The address of a caller is not used, so that a forged one has no effect.
                server_header=False,  # It would tell attackers the version of a library.
                date_header=True,  # RFC 9110, section 6.6.1, asks for it.
                limit_concurrency=None,  # The scheduler refuses calls, and the answer says why.
                limit_max_requests=None,
                backlog=_BACKLOG,
                h11_max_incomplete_event_size=_HEAD_BYTES_MAX,
                timeout_keep_alive=idle_s,
                timeout_graceful_shutdown=round(CLOSING_S),  # For requests that are not complete by then.
                ssl_context_factory=(lambda *_: tls) if tls else None,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self._listener: socket.socket | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield

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
        """Answer open requests and close."""
        self.should_exit = True
        if self._task:
            await self._task
        if self._listener:
            self._listener.close()


def listening(address: Address) -> socket.socket:
    """Return a socket bound to `address`. Raises AddressError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only for a socket created with IPPROTO_TCP. With it, the body of an answer
    # waits until the client has acknowledged the head: 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
    except OSError as error:
        listener.close()
        raise AddressError(f"cannot listen on {address}: {error.strerror}") from None
    return listener

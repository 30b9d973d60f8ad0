"""HTTP servers inside a process that owns the signals itself."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from service.address import Address

CLOSING_S = 2.0
"""For the last answers to leave after the work is done."""


class AddressError(Exception):
    """An address that cannot be listened on."""


class HttpServer(uvicorn.Server):
    """One HTTP server of several."""

    def __init__(self, app: ASGIApp, tls: ssl.SSLContext | None = None) -> None:
        """Serve `app`, encrypted if `tls` says with what."""
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=round(CLOSING_S),  # Whoever has not sent a whole request by then.
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
        """Answer what is open and close."""
        self.should_exit = True
        if self._task:
            await self._task
        if self._listener:
            self._listener.close()


def listening(address: Address) -> socket.socket:
    """Return a socket bound to `address`. Raises AddressError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # Only of a socket that is TCP by its own word does asyncio switch off Nagle's algorithm, which would keep the body
    # of an answer back until the client has acknowledged its head: 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
    except OSError as error:
        listener.close()
        raise AddressError(f"cannot listen on {address}: {error.strerror}") from None
    return listener

"""Connections of HTTP clients, limited in time at each step."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple

import h11
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from service.net.arrival import has_unread
from service.net.framing import StrictConnection

_READ_BYTES = 64 * 2**10
"""Bytes read at a time: 10 ms of the event loop in the smallest chunks, a quarter of asyncio's own size."""
_LINGER_S = 1.0
"""Seconds in which a request that is refused may come whole: to close before that resets, and the answer is lost."""


async def _too_many(scope: Scope, receive: Receive, send: Send) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while (await receive()).get("more_body"):
                pass
    response = PlainTextResponse(
        "too many connections; retry, and keep fewer open\n",
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"retry-after": "1", "connection": "close"},
    )
    await response(scope, receive, send)


class Times(NamedTuple):
    """The most seconds that a connection waits for its client."""

    head_s: float = 10.0
    """For a TLS handshake; for the first head; for a later head, from its first byte; for a body that is discarded.

    Half of what Apache httpd's mod_reqtimeout gives a head, which fits into a dozen packets."""
    write_s: float = 30.0
    """For the client to take the next 256 KiB of an answer, or the last of it."""
    check_s: float = 0.5
    """Between two checks; a limit may be exceeded by so much."""


class _Wait(Enum):
    """A step of the client that is limited in time."""

    HEAD = "head"
    DISCARDED_BODY = "discarded body"
    READ = "read"


class HttpConnection(H11Protocol):
    """A connection from its acceptance to its close."""

    def __init__(
        self, config: Config, state: ServerState, times: Times, on_lost: Callable[["HttpConnection"], None]
    ) -> None:
        """Serve the app of `config`; call `on_lost` at the end of an established connection."""
        super().__init__(config, state, {})
        assert config.h11_max_incomplete_event_size  # noqa: S101
        self.conn = self._parser = StrictConnection(config.h11_max_incomplete_event_size)
        self.establishing: asyncio.Task[None] | None = None
        """The TLS handshake."""
        self._times = times
        self._on_lost = on_lost
        self._since = self.loop.time()
        # Of a handshake the rest may never come; of a plain connection the first byte has, and is still to be read.
        self._heard_at = self._since if config.ssl else None
        self._awaited: tuple[_Wait, object] | None = (_Wait.HEAD, None)
        self._pauses = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, after the handshake."""
        self._since = self.loop.time()
        transport.max_size = _READ_BYTES  # type: ignore[attr-defined]  # asyncio's own; others ignore it.
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Take data from the client."""
        self._heard_at = self.loop.time()
        super().data_received(data)

    def pause_writing(self) -> None:
        """Hold back the answer until the client has read more of it."""
        self._pauses += 1
        super().pause_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or has two meanings, and close."""
        self._close_with(HTTPStatus.BAD_REQUEST, self._parser.fault or msg)

    @property
    def is_new(self) -> bool:
        """True before the first request."""
        return self.cycle is None

    @property
    def idle_since(self) -> float | None:
        """The time of the last byte, if the rest of a handshake, a head or a body is to come; None otherwise."""
        if self.transport and (
            self.transport.is_closing()
            or self.flow.write_paused
            or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        ):
            return None
        return self._heard_at

    @property
    def has_unread(self) -> bool:
        """True if bytes have come that are not read yet."""
        return bool(self.transport) and has_unread(self.transport.get_extra_info("socket").fileno())

    def refuse(self) -> None:
        """Answer the next request with 503 and close."""
        self.app = _too_many

    def abort(self) -> None:
        """Close at once."""
        if self.transport:
            self.transport.abort()
        elif self.establishing:
            self.establishing.cancel()

    def check(self, now: float) -> None:
        """Close the connection if its client is late."""
        if not self.transport:
            return  # asyncio limits the handshake.
        awaited = self._await()
        if awaited != self._awaited:
            self._awaited, self._since = awaited, now
        if awaited is None:
            return
        wait, late_s = awaited[0], now - self._since
        if wait is _Wait.HEAD and late_s > self._times.head_s:
            if self.conn.trailing_data[0]:
                self._close_with(HTTPStatus.REQUEST_TIMEOUT, "send the head of a request at once")
            else:
                self.transport.close()
        elif late_s > (self._times.write_s if wait is _Wait.READ else self._times.head_s):
            self.transport.abort()

    def _await(self) -> tuple[_Wait, object] | None:
        """Return the step that is due from the client, with an object that is the same for as long as it is due."""
        if self.transport.is_closing() or self.flow.write_paused:
            return _Wait.READ, self._pauses
        if self.conn.their_state is h11.IDLE and not self.timeout_keep_alive_task:
            return _Wait.HEAD, self.cycle
        if self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete:
            return _Wait.DISCARDED_BODY, self.cycle
        return None

    def _close_with(self, status: HTTPStatus, text: str) -> None:
        if self.cycle and not self.cycle.response_complete:  # Its call has no reader any more.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = f"{text}\n".encode()
        headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        response = h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())
        with suppress(h11.LocalProtocolError):  # Part of an answer is sent, or the answer to HEAD must have no body.
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        self.transport.close()

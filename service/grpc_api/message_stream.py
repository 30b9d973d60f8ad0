"""The messages of a call, received within bounds of time and memory."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from service.access.byte_budget import Holding
from service.errors import InvalidRequestError, TooManyBytesError
from service.grpc_api.metadata import Context
from service.rerank.limits import Limits
from service.rerank.transfer import transfer

_PROMPT_S = 0.1
"""A message that is not complete by then counts as one of the largest size.

grpc does not tell the size of a message before it is complete. Sixty half-sent messages of 63 MiB hold 250 MiB by then
on two cores, 310 MiB after 0.3 s.
"""


class MessageStream:
    """The messages of a call as bytes: an asynchronous iterator over those of the caller, and the sender of the answer.

    Counts them against the byte budget.
    """

    def __init__(self, context: Context, held: Holding, limits: Limits) -> None:
        """Receive through `context` and count in `held`; messages have up to `limits.message_bytes`."""
        self._context = context
        self._held = held
        self._limits = limits
        self.size = 0
        """Bytes received so far."""

    def __aiter__(self) -> "MessageStream":
        return self

    async def __anext__(self) -> bytes:
        """Return the next message. Raises TooLargeError, TooManyBytesError or TooSlowError."""
        async with transfer():
            with self._reserved():
                raw = await self._context.read()
        if raw is grpc.aio.EOF:
            raise StopAsyncIteration
        assert isinstance(raw, bytes)  # noqa: S101
        self._limits.check_message(len(raw))
        self.size += len(raw)
        self._limits.check_stream(self.size)
        self._held.resize(self.size)
        return raw

    async def only(self) -> bytes:
        """Return the message of a call that has one. Raises InvalidRequestError without one."""
        async for raw in self:
            return raw
        raise InvalidRequestError("the call has no message")

    async def send(self, answer: bytes) -> None:
        """Send the answer, counted in place of the messages. Raises TooSlowError if the caller does not read."""
        self._held.resize(len(answer))
        async with transfer():
            await self._context.write(answer)

    @contextmanager
    def _reserved(self) -> Iterator[None]:
        """Count the largest message unless the block ends within `_PROMPT_S`; end the call if there is no room."""
        loop = asyncio.get_running_loop()
        timers: list[asyncio.TimerHandle] = []

        def wait() -> None:
            timers.append(loop.call_later(_PROMPT_S, reserve, loop.time() + _PROMPT_S))

        def reserve(due: float) -> None:
            if loop.time() > due + _PROMPT_S:  # The loop was late itself, and the message may have arrived meanwhile.
                wait()
                return
            try:
                self._held.resize(min(self.size + self._limits.message_bytes, self._limits.stream_bytes))
            except TooManyBytesError:
                self._held.evict()

        wait()
        try:
            yield
        finally:
            timers[-1].cancel()

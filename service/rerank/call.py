"""A call: its caller, its id and its deadline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from scheduler import Expired
from service.access.caller import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """The id, the caller and the deadline of a call over either API."""

    id: str
    caller: Caller
    deadline: float
    """In seconds of the event loop's monotonic clock."""

    @property
    def client(self) -> str:
        """The client's name."""
        return self.caller.client

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Cancel the block, including the reading of the request, at the deadline. Raises Expired then."""
        try:
            async with asyncio.timeout_at(self.deadline):
                yield
        except TimeoutError:
            raise Expired from None

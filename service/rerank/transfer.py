"""The time that a message or an answer may take on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import TooSlowError

TRANSFER_S = 30.0
"""Longest time to receive a message or to send an answer: one of 32 MiB at 9 Mbit/s."""


@asynccontextmanager
async def transfer() -> AsyncIterator[None]:
    """Cancel the block after `TRANSFER_S`. Raises TooSlowError then."""
    try:
        async with asyncio.timeout(TRANSFER_S) as scope:
            yield
    except TimeoutError:
        if scope.expired():
            raise TooSlowError(TRANSFER_S) from None
        raise

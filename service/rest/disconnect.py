"""Cancellation of calls whose caller disconnects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from service.errors import CallerLeftError


@asynccontextmanager
async def cancel_on_disconnect(request: Request) -> AsyncIterator[None]:
    """Cancel the block if the caller closes the connection. Raises CallerLeftError then.

    The body of the request must have been read.
    """
    try:
        async with asyncio.timeout(None) as scope:
            watcher = asyncio.create_task(_cancel_at_disconnect(request, scope))
            try:
                yield
            finally:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)
    except TimeoutError:
        if scope.expired():
            raise CallerLeftError from None
        raise


async def _cancel_at_disconnect(request: Request, scope: asyncio.Timeout) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.reschedule(asyncio.get_running_loop().time())

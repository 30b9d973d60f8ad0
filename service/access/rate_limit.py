"""The rate limit of a client."""

import asyncio
from collections import OrderedDict

from asyncio_throttle.throttler import Throttler

from service.access.caller import Caller
from service.errors import RateLimitedError

_PERIOD_S = 1.0
_CLIENTS_MAX = 10_000


class RateLimit:
    """Refuses a client that is over its rate, and never makes it wait.

    The library's own wait polls, in no order and without bound, which would be a queue before the queue; so it is
    called with a timeout of 0. The most recent clients are kept, more than can send a request within a period.
    """

    def __init__(self, rate: int | None) -> None:
        """Allow each client `rate` requests a second unless it has its own rate; None: any number."""
        self._rate = rate
        self._clients: OrderedDict[tuple[str, int], Throttler] = OrderedDict()

    async def admit(self, caller: Caller) -> None:
        """Count a request. Raises RateLimitedError, with the period as advice, if it is over the rate."""
        rate = self._rate if caller.rate is None else caller.rate
        if rate is None:
            return
        key = caller.client, rate
        throttler = self._clients.setdefault(key, Throttler(rate, _PERIOD_S))
        self._clients.move_to_end(key)
        if len(self._clients) > _CLIENTS_MAX:
            self._clients.popitem(last=False)
        try:
            async with asyncio.timeout(0):
                await throttler.acquire()  # type: ignore[no-untyped-call]
        except TimeoutError:
            raise RateLimitedError(_PERIOD_S) from None

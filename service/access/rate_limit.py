"""Request rate limits."""

import asyncio
from collections import OrderedDict

from asyncio_throttle.throttler import Throttler

from service.access.caller import Caller
from service.errors import RateLimitedError

_PERIOD_S = 1.0
_CLIENTS_MAX = 10_000


class RateLimit:
    """Refuses requests beyond the rate of their client; never delays one.

    A Throttler that waits polls in no order and without bound: a second queue in front of the scheduler's. Hence the
    timeout of zero. Least recently seen clients are forgotten beyond `_CLIENTS_MAX`, more than call within a period.
    """

    def __init__(self, rate: int | None) -> None:
        """Allow each client `rate` requests a second unless its key has its own rate; None: no limit."""
        self._rate = rate
        self._clients: OrderedDict[tuple[str, int], Throttler] = OrderedDict()

    async def admit(self, caller: Caller) -> None:
        """Count a request. Raises RateLimitedError, to be retried after the period, beyond the rate."""
        rate = self._rate if caller.rate is None else caller.rate
        if rate is None:
            return
        key = caller.account, rate
        throttler = self._clients.setdefault(key, Throttler(rate, _PERIOD_S))
        self._clients.move_to_end(key)
        if len(self._clients) > _CLIENTS_MAX:
            self._clients.popitem(last=False)
        try:
            async with asyncio.timeout(0):
                await throttler.acquire()  # type: ignore[no-untyped-call]
        except TimeoutError:
            raise RateLimitedError(_PERIOD_S) from None

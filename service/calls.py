"""The opening of a call, the same for both APIs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from math import inf
from time import monotonic

from scheduler import Expired
from service.access.access import Access
from service.access.byte_budget import ByteBudget
from service.rerank.call import Call
from service.rerank.call_record import CallRecord
from service.telemetry.call_telemetry import CallTelemetry


class Calls:
    """Opens calls: authenticates the caller, applies its rate limit, sets the deadline, and records the outcome."""

    def __init__(
        self,
        access: Access,
        budget: ByteBudget,
        telemetry: CallTelemetry,
        *,
        default_timeout_s: float,
        timeout_max_s: float,
    ) -> None:
        """Count the bytes of calls in `budget`.

        `default_timeout_s` applies to calls without a timeout of their own; `timeout_max_s` replaces longer ones.
        """
        self._access = access
        self._budget = budget
        self._telemetry = telemetry
        self._default_timeout_s = default_timeout_s
        self._timeout_max_s = timeout_max_s
        self._ended_at = -inf

    @asynccontextmanager
    async def open(
        self, record: CallRecord, address: str, headers: Mapping[str, str], timeout_s: Callable[[], float | None]
    ) -> AsyncIterator[Call]:
        """Enter the call of `record`; when the block ends, log, count and trace the outcome.

        `address` is the host that the caller's connection comes from, without a port. `headers` are the caller's,
        unvalidated, with names in lower case. `timeout_s` returns the caller's timeout in seconds, None without one, or
        raises ServiceError. It is called after authentication, so that callers without a valid key learn nothing about
        their request.

        The block is cancelled at the deadline, and if others need the bytes it holds. Raises UnauthenticatedError,
        RateLimitedError, Expired or TooManyBytesError.
        """
        try:
            with self._telemetry.call(record, headers):
                caller = await self._access.enter(headers.get("authorization"), headers.get("x-client-name"), address)
                record.client = caller.client
                own_s = timeout_s()
                remaining_s = self._default_timeout_s if own_s is None else own_s
                deadline = asyncio.get_running_loop().time() + min(remaining_s, self._timeout_max_s)
                try:
                    async with asyncio.timeout_at(deadline), self._budget.hold(caller.account) as held:
                        yield Call(record.id, caller, deadline, held)
                except TimeoutError:
                    raise Expired from None
        finally:
            self._ended_at = monotonic()

    def quiet_s(self) -> float:
        """Return the seconds since the last call ended; infinity if none has."""
        return monotonic() - self._ended_at

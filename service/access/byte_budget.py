"""A bound on the memory of unfinished calls, shared by accounts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import TooManyBytesError

_SMALL = 64 * 2**10
"""Calls of up to this many bytes are refused only if the whole budget is used: large calls of the same account, such as
those of another program on its address, do not shut out its small ones."""


class Holding:
    """The bytes held for one call."""

    def __init__(self, budget: "ByteBudget", account: str, scope: asyncio.Timeout) -> None:
        self._budget = budget
        self._scope = scope
        self.account = account
        self.bytes = 0
        """Bytes counted now."""
        self.evicted = False
        """True if the call was ended to make room."""

    def resize(self, size: int) -> None:
        """Count `size` bytes from now on. Raises TooManyBytesError if there is no room for more."""
        self._budget.resize(self, size)

    def evict(self) -> None:
        """End the call, and count none of its bytes."""
        self.evicted = True
        self._scope.reschedule(asyncio.get_running_loop().time())
        self._budget.release(self)


class ByteBudget:
    """Counts the bytes of unfinished calls, as received; refuses those beyond the bound.

    If the whole bound is used, the account that holds most loses its largest call to one that holds less.
    """

    def __init__(self, bytes_max: int, account_bytes_max: int) -> None:
        """Hold up to `bytes_max` bytes, and up to `account_bytes_max` for each account."""
        self._bytes_max = bytes_max
        self._account_bytes_max = account_bytes_max
        self._calls: dict[str, set[Holding]] = {}
        self._totals: dict[str, int] = {}
        self.bytes = 0
        """Bytes counted now."""

    @asynccontextmanager
    async def hold(self, account: str) -> AsyncIterator[Holding]:
        """Enter a call of `account`, which holds no bytes yet. Raises TooManyBytesError if it is ended to make room."""
        try:
            async with asyncio.timeout(None) as scope:
                holding = Holding(self, account, scope)
                self._calls.setdefault(account, set()).add(holding)
                self._totals.setdefault(account, 0)
                try:
                    yield holding
                finally:
                    self.release(holding)
        except TimeoutError:
            if holding.evicted:
                raise TooManyBytesError from None
            raise

    def resize(self, holding: Holding, size: int) -> None:
        """Count `size` bytes for `holding`. Raises TooManyBytesError if there is no room for more."""
        if holding.evicted:
            return
        more = size - holding.bytes
        if more > 0:
            self._make_room(holding.account, more, small=size <= _SMALL)
        self._add(holding, more)

    def release(self, holding: Holding) -> None:
        """Count none of the bytes of `holding` from now on."""
        if holding in self._calls.get(holding.account, ()):
            self._add(holding, -holding.bytes)
            self._calls[holding.account].discard(holding)
            if not self._calls[holding.account]:
                del self._calls[holding.account], self._totals[holding.account]

    def _make_room(self, account: str, more: int, *, small: bool) -> None:
        after = self._totals[account] + more
        if not small and after > self._account_bytes_max:
            raise TooManyBytesError
        while self.bytes + more > self._bytes_max:
            most = max(self._totals, key=self._totals.__getitem__)
            if self._totals[most] <= after:
                raise TooManyBytesError
            max(self._calls[most], key=lambda held: held.bytes).evict()

    def _add(self, holding: Holding, more: int) -> None:
        holding.bytes += more
        self._totals[holding.account] += more
        self.bytes += more

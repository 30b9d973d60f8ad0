"""The open connections of a listener, limited in number."""

from collections import Counter
from collections.abc import Callable
from time import monotonic, thread_time
from typing import Protocol

from service.net.network import network_of

_SHARE = 0.75
"""Share of the connections that one address may hold: generous, since all callers behind a proxy have one address."""
_SEARCH_SHARE = 0.2
_BRIEF_S = 0.0002
"""A search for connections to close that takes longer is not repeated before it is `_SEARCH_SHARE` of the time.

It takes 1 ms among 2,000. With all of them at work, one for each new connection took half of the event loop.
"""


class Connection(Protocol):
    """An open connection."""

    @property
    def is_new(self) -> bool:
        """True before the first request."""

    @property
    def idle_since(self) -> float | None:
        """The time since which the connection waits for its client; None if the client waits for the server."""

    @property
    def has_unread(self) -> bool:
        """True if bytes have come that are not read yet: the client waits for the server, too."""

    def refuse(self) -> None:
        """Refuse the next request."""

    def abort(self) -> None:
        """Close at once."""

    def check(self, now: float) -> None:
        """Close if the client is late."""


class Connections:
    """Open connections. A new one takes the place of the one that has waited longest for its client, if needed.

    Half of the places are for connections that have made a request, so that silent ones do not displace them; the
    other half is for new ones. In each half, an address loses one that has more than half as many as the address with
    most: beside a crowd of addresses with one or two each, a second call does not make a caller's the next to close.
    If all are at work, an address that holds less than an equal share takes the place of the newest of the address
    with most. Others are refused; when too many wait for that, too, they are closed at once, since callers from
    elsewhere would wait behind them in the queue of the kernel.
    """

    def __init__(self, most: int) -> None:
        """Hold at most `most` connections, and a few more for as long as they are being closed or refused."""
        self._spare = min(max(most // 4, 2), 8)
        self.most = max(most - self._spare, 1)
        """Connections before one is closed or refused for another."""
        self._most_of_one = max(int(self.most * _SHARE), 1)
        self._addresses: dict[Connection, str] = {}
        self._counts: Counter[str] = Counter()
        self._chosen: dict[str | None, list[tuple[Connection, float]]] = {}
        self._next_search: dict[str | None, float] = {}

    @property
    def full(self) -> bool:
        """True if no other connection may be accepted before some that were closed are lost."""
        return len(self._addresses) >= self.most + self._spare

    def add(self, connection: Connection, host: str) -> None:
        """Add a connection from `host`: another is closed for it, or it is refused, if there is no place."""
        address = network_of(host)
        self._addresses[connection] = address
        self._counts[address] += 1
        crowded = self._counts[address] > self._most_of_one
        if crowded or len(self._addresses) > self.most:
            if self.evict(address if crowded else None, connection):
                return
            if not crowded and self._counts[address] < self.most // len(self._counts):
                self._abort_newest_of_most()
            elif len(self._addresses) > self.most + self._spare // 2:
                connection.abort()
            else:
                connection.refuse()

    def __contains__(self, connection: Connection) -> bool:
        """Return whether a connection is open."""
        return connection in self._addresses

    def replace(self, connection: Connection, by: Connection) -> None:
        """Give the place of a connection to another."""
        self._addresses[by] = self._addresses.pop(connection)

    def discard(self, connection: Connection) -> None:
        """Remove a connection that is lost."""
        address = self._addresses.pop(connection, None)
        if address is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def evict(self, address: str | None = None, but: Connection | None = None) -> bool:
        """Close the connection that has waited longest for its client, of `address` if given; False if none waits.

        Without `address`, its address has at least an equal share of the places. If it has made a request, its address
        has at least as many, too, as that of `but`, for which it closes.
        """
        equal = 0 if address else self.most // max(len(self._counts), 1)
        least = max(equal, self._counts[self._addresses[but]]) if but and not address else equal

        def may_close(connection: Connection) -> bool:
            has = self._counts[self._addresses[connection]]
            return connection is not but and has >= (equal if connection.is_new else least)

        for search in (False, True):
            if search:
                now, start = monotonic(), thread_time()
                if now < self._next_search.get(address, 0):
                    return False
                self._chosen[address] = self._choose(address, may_close)
                if (took_s := thread_time() - start) > _BRIEF_S:
                    self._next_search[address] = now + took_s / _SEARCH_SHARE
            chosen = self._chosen.get(address, [])
            while chosen:
                connection, since = chosen.pop()
                if connection not in self._addresses:
                    continue  # It was lost since the search, and its descriptor may have another by now.
                if connection.idle_since == since and may_close(connection) and not connection.has_unread:
                    connection.abort()
                    return True
        return False

    def _abort_newest_of_most(self) -> None:
        most = max(self._counts, key=self._counts.__getitem__)
        next(connection for connection, of in reversed(self._addresses.items()) if of == most).abort()

    def abort_new(self) -> None:
        """Close the connections that have made no request."""
        for connection in [connection for connection in self._addresses if connection.is_new]:
            connection.abort()

    def check(self, now: float) -> None:
        """Close the connections whose clients are late."""
        self._chosen.clear()
        self._next_search.clear()
        for connection in list(self._addresses):
            connection.check(now)

    def _choose(self, address: str | None, may_close: Callable[[Connection], bool]) -> list[tuple[Connection, float]]:
        """Return connections to close, the first one last."""
        waiting = [
            (connection, since)
            for connection, of in self._addresses.items()
            if address in (None, of) and (since := connection.idle_since) is not None and may_close(connection)
        ]
        new = [entry for entry in waiting if entry[0].is_new]
        others = [entry for entry in waiting if not entry[0].is_new]
        victims = new if len(new) > self.most // 2 or not others else others
        counts = {connection: self._counts[self._addresses[connection]] for connection, _ in victims}
        half = max(counts.values(), default=0) / 2
        return sorted(victims, key=lambda entry: (counts[entry[0]] <= half, entry[1]))[::-1]

"""The cap on the share of one client."""

from scheduler.heap import Heap


class ShareCap:
    """Tells which clients have had more than their share of the work dispatched while others waited.

    A virtual clock (Zhang, 1990): the clock is the work of all clients; the mark of a client moves by its own work over
    the share, and while the mark is ahead of the clock the client is over its share. A mark is never further behind
    than the credit, so that a client that was served little may not take all at once. Marks behind that are forgotten.
    """

    def __init__(self, share: float, credit_s: float) -> None:
        """Cap each client at `share`, up to 1, of the work, averaged over little more than `credit_s` seconds of it."""
        self._share = share
        self._credit_s = credit_s
        self._clock = 0.0
        self._marks: dict[str, float] = {}
        self._order: Heap[str, float] = Heap()  # The same marks.

    def charge(self, client: str, work: float, *, contended: bool) -> None:
        """Record that `work` seconds of a client were dispatched; they count if others waited, being `contended`."""
        if self._share == 1:
            return
        least = self._clock - self._credit_s
        self._clock += work
        if contended:
            self._marks[client] = max(self._marks.get(client, least), least) + work / self._share
            self._order.push(client, self._marks[client])
        while (first := self._order.least()) and first[1] <= self._clock - self._credit_s:
            self._order.discard(first[0])
            del self._marks[first[0]]

    def is_over(self, client: str) -> bool:
        """Return whether a client has had its share for now."""
        return self.excess(client) > 0

    def excess(self, client: str) -> float:
        """Return the seconds of work until a client is within its share again; 0 or less if it is."""
        return self._marks.get(client, self._clock) - self._clock

"""The turns of those who share something: start-time fair queueing."""

from scheduler.heap import Heap


class Turns:
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996), charged for each dispatched slice.

    Whoever has the least start tag is served next; its tag then grows by the work of the slice. Virtual time is the tag
    served last. So two that keep work waiting are never further apart than a slice of each, whatever the size of their
    jobs. Who returns starts at the present virtual time: idling earns nothing.
    """

    def __init__(self) -> None:
        self._starts: dict[str, float] = {}  # Virtual time of the next turn of each that is known.
        self._waiting: Heap[str, float] = Heap()  # Those with work, by start tag.
        self._resting: Heap[str, float] = Heap()  # Those without, until virtual time reaches their tag.
        self._time = 0.0

    def begin(self, name: str) -> None:
        """Let one that has work now take turns."""
        self._resting.discard(name)
        self._starts[name] = max(self._starts.get(name, 0.0), self._time)
        self._waiting.push(name, self._starts[name])

    def end(self, name: str) -> None:
        """Let one that has no more work rest."""
        self._waiting.discard(name)
        self._resting.push(name, self._starts[name])
        self._forget()

    def charge(self, name: str, work: float) -> None:
        """Record that one with work was served for `work` seconds of a worker.

        Virtual time moves only with the one whose turn it was. One whose pairs filled a batch pays as well, but from
        ahead of its turn.
        """
        if self.next() == name:
            self._time = max(self._time, self._starts[name])
        self._starts[name] += work
        self._waiting.push(name, self._starts[name])
        self._forget()

    def next(self) -> str | None:
        """Return whose turn it is; None without work."""
        least = self._waiting.least()
        return least[0] if least else None

    def first(self, count: int, ahead: float) -> list[str]:
        """Return up to `count` in order of their turns, none of them more than `ahead` seconds beyond the turn."""
        names = self._waiting.first(count)
        return [name for name in names if self._starts[name] <= self._starts[names[0]] + ahead]

    def allowance(self, name: str, ahead: float) -> float:
        """Return the seconds of work that would bring one with work `ahead` seconds beyond the turn."""
        turn = self._waiting.least()
        return (turn[1] if turn else self._time) + ahead - self._starts[name]

    def _forget(self) -> None:
        """Forget those at rest whose tag virtual time has reached: they would start at the present anyway."""
        while (rested := self._resting.least()) and rested[1] <= self._time:
            self._resting.discard(rested[0])
            del self._starts[rested[0]]

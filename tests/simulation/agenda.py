"""A queue of events in virtual time."""

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any


class Agenda:
    """A queue of callbacks by time; callbacks of equal time run in the order of `push`."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds from the start of the trace; the caller of `do_next` advances it first."""
        self._events: list[tuple[float, int, Callable[[Any], None], object]] = []
        self._serial = 0

    @property
    def next_at(self) -> float:
        """Time of the next callback; infinite if there is none."""
        return self._events[0][0] if self._events else inf

    def push(self, at: float, do: Callable[[Any], None], argument: object) -> None:
        """Schedule a callback at `at`."""
        self._serial += 1
        heappush(self._events, (at, self._serial, do, argument))

    def do_next(self) -> None:
        """Run the next callback."""
        _, _, do, argument = heappop(self._events)
        do(argument)

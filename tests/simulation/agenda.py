"""What happens when, in virtual time."""

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any


class Agenda:
    """What happens when; what happens at the same moment, in the order it was noted."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds from the start of the trace; whoever takes the next thing up moves it there."""
        self._events: list[tuple[float, int, Callable[[Any], None], object]] = []
        self._serial = 0

    @property
    def next_at(self) -> float:
        """When something happens next; infinite if never."""
        return self._events[0][0] if self._events else inf

    def push(self, at: float, do: Callable[[Any], None], argument: object) -> None:
        """Note what to do at `at`."""
        self._serial += 1
        heappush(self._events, (at, self._serial, do, argument))

    def do_next(self) -> None:
        """Do what is next."""
        _, _, do, argument = heappop(self._events)
        do(argument)

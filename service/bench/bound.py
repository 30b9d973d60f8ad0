"""The best that could have been done."""

from collections.abc import Iterable
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

_NOTHING = 1e-12  # What is left of a request by rounding alone, in whatever unit.


class Asked(NamedTuple):
    """Work somebody wants done, in any unit."""

    at: float
    """When it comes, in seconds."""
    deadline: float
    """Until when it must be done, in seconds, too."""
    work: float


def in_time(asked: Iterable[Asked], capacity: float) -> float:
    """Return how much work at most can be done in time, at `capacity` a second.

    By a scheduler that may split and interrupt work at will and counts parts of it: earliest deadline first, dropping
    what is too late, is optimal for that.
    """
    waiting: list[list[float]] = []
    done = 0.0
    arrivals = sorted(asked)
    for position, (at, deadline, work) in enumerate(arrivals):
        now = at
        heappush(waiting, [deadline, work])
        until = arrivals[position + 1].at if position + 1 < len(arrivals) else inf
        while waiting and now < until:
            due, left = waiting[0]
            took = min(left / capacity, until - now, max(0.0, due - now))
            done += took * capacity
            now += took
            waiting[0][1] -= took * capacity
            if waiting[0][1] <= _NOTHING or now >= due:
                heappop(waiting)
    return done

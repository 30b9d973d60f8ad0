"""Upper bound of the goodput of any scheduler."""

from collections.abc import Iterable
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

_ROUNDING = 1e-12  # Remaining work below this is a rounding error.


class Demand(NamedTuple):
    """A request for work."""

    at: float
    """Arrival, in seconds."""
    deadline: float
    """Latest end, in seconds on the same clock."""
    work: float
    """In the unit of the capacity."""


def work_in_time(demands: Iterable[Demand], capacity: float) -> float:
    """Return the most work that can be done by its deadline, at `capacity` units per second.

    The bound allows preemption and counts partial work. Earliest deadline first, without late work, is then optimal.
    """
    waiting: list[list[float]] = []
    done = 0.0
    arrivals = sorted(demands)
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
            if waiting[0][1] <= _ROUNDING or now >= due:
                heappop(waiting)
    return done

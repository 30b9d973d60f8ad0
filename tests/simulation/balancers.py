"""Load balancers in front of many pods."""

from collections.abc import Callable, Collection
from functools import partial
from random import Random
from typing import Protocol

import numpy as np

from tests.simulation.view import View


class Balancer(Protocol):
    """Chooses pods."""

    def choose(self, lane: int, tried: Collection[int]) -> int:
        """Return the number of the pod for a request in `lane`, not one of `tried`."""


MakeBalancer = Callable[[View, Random], Balancer]
Signal = Callable[[View, int, int], float]
"""A load signal, lower is better, of each pod for a request in a lane."""


def at_lane(view: View, pod: int, lane: int) -> float:
    """Return the visible backlog in the lane and all better ones."""
    return float(view.seen[pod, lane])


def total(view: View, pod: int, _: int) -> float:
    """Return the visible backlog in all lanes."""
    return float(view.seen[pod, -1])


def under_way(view: View, pod: int, _: int) -> float:
    """Return the number of requests in flight."""
    return view.under_way[pod]


class Anyone:
    """Random choice."""

    def __init__(self, view: View, rng: Random) -> None:
        self._count, self._rng = len(view.waiting), rng

    def choose(self, _: int, tried: Collection[int]) -> int:
        """Return a random pod."""
        return _draw(self._rng, self._count, tried)


class RoundRobin:
    """Round robin, with a single balancer."""

    def __init__(self, view: View, _: Random) -> None:
        self._count, self._turn = len(view.waiting), -1

    def choose(self, _: int, tried: Collection[int]) -> int:
        """Return the next pod in turn."""
        self._turn = (self._turn + 1) % self._count
        while self._turn in tried:
            self._turn = (self._turn + 1) % self._count
        return self._turn


class TwoChoices:
    """The better of two random pods (power of two choices); the first of equals."""

    def __init__(self, view: View, rng: Random, signal: Signal) -> None:
        self._view, self._rng, self._signal = view, rng, signal

    def choose(self, lane: int, tried: Collection[int]) -> int:
        """Return the better of two random pods."""
        view = self._view
        count = len(view.waiting)
        first = _draw(self._rng, count, tried)
        if count - len(tried) == 1:
            return first
        second = _draw(self._rng, count, {first, *tried})
        return second if self._signal(view, second, lane) < self._signal(view, first, lane) else first


class Shortest:
    """The pod with the lowest signal (join the shortest queue); a random one of equals."""

    def __init__(self, view: View, rng: Random) -> None:
        self._view, self._rng = view, rng

    def choose(self, lane: int, tried: Collection[int]) -> int:
        """Return the pod with the lowest signal."""
        seen = self._view.seen[:, lane].copy()
        seen[list(tried)] = np.inf
        best = np.flatnonzero(seen <= seen.min() + 1e-9)  # Equal but for rounding.
        return int(best[self._rng.randrange(len(best))])


def two_choices(signal: Signal) -> MakeBalancer:
    """Return a factory of balancers that use `signal`."""
    return partial(TwoChoices, signal=signal)


def _draw(rng: Random, count: int, tried: Collection[int]) -> int:
    while (pod := rng.randrange(count)) in tried:
        pass
    return pod

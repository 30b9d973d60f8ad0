"""Who gets the next request: balancers before many pods."""

from collections.abc import Callable, Collection
from functools import partial
from random import Random
from typing import Protocol

import numpy as np

from tests.simulation.view import View


class Balancer(Protocol):
    """Chooses pods."""

    def choose(self, lane: int, tried: Collection[int]) -> int:
        """Return the pod for a request in `lane`, none of those `tried`."""


MakeBalancer = Callable[[View, Random], Balancer]
Signal = Callable[[View, int, int], float]
"""What a balancer goes by, less is better: of a pod, for a request in a lane."""


def at_lane(view: View, pod: int, lane: int) -> float:
    """Return the backlog seen in the lane and all better ones."""
    return float(view.seen[pod, lane])


def total(view: View, pod: int, _: int) -> float:
    """Return the backlog seen in all lanes."""
    return float(view.seen[pod, -1])


def under_way(view: View, pod: int, _: int) -> float:
    """Return the number of requests under way."""
    return view.under_way[pod]


class Anyone:
    """A pod by chance."""

    def __init__(self, view: View, chance: Random) -> None:
        self._count, self._chance = len(view.waiting), chance

    def choose(self, _: int, tried: Collection[int]) -> int:
        """Return a pod by chance."""
        return _draw(self._chance, self._count, tried)


class RoundRobin:
    """One pod after the other, as if there were a single balancer."""

    def __init__(self, view: View, _: Random) -> None:
        self._count, self._turn = len(view.waiting), -1

    def choose(self, _: int, tried: Collection[int]) -> int:
        """Return the pod whose turn it is."""
        self._turn = (self._turn + 1) % self._count
        while self._turn in tried:
            self._turn = (self._turn + 1) % self._count
        return self._turn


class TwoChoices:
    """The better of two pods drawn by chance (P2C); the first, where they look alike."""

    def __init__(self, view: View, chance: Random, signal: Signal) -> None:
        self._view, self._chance, self._signal = view, chance, signal

    def choose(self, lane: int, tried: Collection[int]) -> int:
        """Return the better of two."""
        view = self._view
        count = len(view.waiting)
        first = _draw(self._chance, count, tried)
        if count - len(tried) == 1:
            return first
        second = _draw(self._chance, count, {first, *tried})
        return second if self._signal(view, second, lane) < self._signal(view, first, lane) else first


class Shortest:
    """The pod with the least backlog in the lane and all better ones (JSQ); by chance, where several look alike."""

    def __init__(self, view: View, chance: Random) -> None:
        self._view, self._chance = view, chance

    def choose(self, lane: int, tried: Collection[int]) -> int:
        """Return the pod that looks best."""
        seen = self._view.seen[:, lane].copy()
        seen[list(tried)] = np.inf
        best = np.flatnonzero(seen <= seen.min() + 1e-9)  # What rounding leaves makes no difference.
        return int(best[self._chance.randrange(len(best))])


def two_choices(signal: Signal) -> MakeBalancer:
    """Return a maker of balancers that go by `signal`."""
    return partial(TwoChoices, signal=signal)


def _draw(chance: Random, count: int, tried: Collection[int]) -> int:
    while (pod := chance.randrange(count)) in tried:
        pass
    return pod

"""How much of the pool each lane had lately."""

from math import exp, expm1, inf
from typing import NamedTuple

from scheduler.policy import LANES

_MEMORY_S = 10.0  # Time constant of the average.
_YOUNG_S = 1.0  # An average over less time than this would be a guess.
_IDLE_S = 30.0  # Without work, after which what was before says nothing any more.
_RESCALE = 60.0  # Exponent at which the weights are brought back to 1, far from overflow.


class Flow(NamedTuple):
    """What a set of lanes took of the pool lately."""

    work: float
    """Workers they kept busy, 0 to the pool's size."""
    spread: float
    """Variance of the work they bring in a second: the sum of the squares of their jobs' work, for each second."""


class Usage:
    """Work dispatched per second, by lane, as an exponentially weighted average over about ten seconds.

    Dispatched, not admitted: a burst is admitted within a moment and may be displaced in the next, while what
    lanes are served never adds up to more than the pool. Later work gets larger weights instead of earlier work
    smaller ones (forward decay), so that adding is O(1) and time passing costs nothing.
    """

    def __init__(self) -> None:
        self._work = [0.0] * LANES
        self._spread = [0.0] * LANES
        self._total = 0.0
        self._began = self._last = -inf  # When the work averaged over began, and when there was some last.
        self._since = 0.0  # When a weight is 1.

    def add(self, lane: int, work: float, job_work: float, now: float) -> None:
        """Note that `work` seconds of a worker went to `lane`, for a job that takes `job_work` in all."""
        if now - self._last > _IDLE_S:
            self._work = [0.0] * LANES
            self._spread = [0.0] * LANES
            self._total = 0.0
            self._began = self._since = now
        self._last = now
        age = (now - self._since) / _MEMORY_S
        if age > _RESCALE:
            shrink = exp(-age)
            self._work = [w * shrink for w in self._work]
            self._spread = [s * shrink for s in self._spread]
            self._total *= shrink
            self._since, age = now, 0.0
        weight = exp(age)
        self._work[lane] += work * weight
        self._spread[lane] += work * job_work * weight
        self._total += work * weight

    def total(self, now: float) -> float:
        """Return the workers that all lanes together keep busy."""
        return self._total * self._unit(now)

    def at(self, lane: int, now: float) -> float:
        """Return the workers that `lane` itself keeps busy."""
        return self._work[lane] * self._unit(now)

    def better_than(self, lane: int, now: float) -> Flow:
        """Return what lanes better than `lane` take."""
        unit = self._unit(now)
        return Flow(sum(self._work[:lane]) * unit, sum(self._spread[:lane]) * unit)

    def _unit(self, now: float) -> float:
        """Return what a weight of 1 is in a second, given for how long there was work to weigh."""
        weights = _MEMORY_S * -expm1(-max(now - self._began, _YOUNG_S) / _MEMORY_S)
        return exp(-(now - self._since) / _MEMORY_S) / weights

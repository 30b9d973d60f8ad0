"""How much of the pool each lane had lately."""

from math import exp

from scheduler.policy import LANES

_MEMORY_S = 10.0  # Time constant of the average.
_RESCALE = 60.0  # Exponent at which the weights are brought back to 1, far from overflow.


class Usage:
    """Work dispatched per second, by lane, as an exponentially weighted average over about ten seconds.

    Dispatched, not admitted: a burst is admitted within a moment and may be displaced in the next, while what
    lanes are served never adds up to more than the pool. Later work gets larger weights instead of earlier work
    smaller ones (forward decay), so that adding is O(1) and time passing costs nothing.
    """

    def __init__(self) -> None:
        self._weighted = [0.0] * LANES
        self._since: float | None = None

    def add(self, lane: int, work: float, now: float) -> None:
        """Note that `work` seconds of a worker went to `lane`."""
        if self._since is None:
            self._since = now
        age = (now - self._since) / _MEMORY_S
        if age > _RESCALE:
            shrink = exp(-age)
            self._weighted = [w * shrink for w in self._weighted]
            self._since, age = now, 0.0
        self._weighted[lane] += work * exp(age)

    def at(self, lane: int, now: float) -> float:
        """Return the workers that `lane` itself keeps busy."""
        if self._since is None:
            return 0.0
        return self._weighted[lane] * exp(-(now - self._since) / _MEMORY_S) / _MEMORY_S

    def better_than(self, lane: int, now: float) -> float:
        """Return the workers that lanes better than `lane` keep busy, 0 to the pool's size."""
        if self._since is None:
            return 0.0
        return sum(self._weighted[:lane]) * exp(-(now - self._since) / _MEMORY_S) / _MEMORY_S

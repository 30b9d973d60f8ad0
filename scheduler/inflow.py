"""How much work was admitted lately, by lane."""

from math import exp

from scheduler.policy import LANES

_MEMORY_S = 3.0  # Time constant of the average.
_RESCALE = 60.0  # Exponent at which the weights are brought back to 1, far from overflow.


class Inflow:
    """Work admitted per second, by lane, as an exponentially weighted average over about three seconds.

    Admitted work, not offered: what was refused takes no worker from anybody. Later work gets larger weights
    instead of earlier work smaller ones (forward decay), so that adding is O(1) and time passing costs nothing.
    """

    def __init__(self) -> None:
        self._weighted = [0.0] * LANES
        self._since: float | None = None

    def add(self, lane: int, work: float, now: float) -> None:
        """Note that `work` seconds of a worker were admitted in `lane`."""
        if self._since is None:
            self._since = now
        age = (now - self._since) / _MEMORY_S
        if age > _RESCALE:
            shrink = exp(-age)
            self._weighted = [w * shrink for w in self._weighted]
            self._since, age = now, 0.0
        self._weighted[lane] += work * exp(age)

    def better_than(self, lane: int, now: float) -> float:
        """Return the work admitted per second in lanes better than `lane`: workers kept busy by them."""
        if self._since is None:
            return 0.0
        return sum(self._weighted[:lane]) * exp(-(now - self._since) / _MEMORY_S) / _MEMORY_S

"""The forecast: the share of the pool that lanes will take, and the time that batches need beyond their price.

Section "In time" of README.md derives it.
"""

from math import erfc, exp, expm1, inf, pi, sqrt
from typing import NamedTuple

from scheduler.prefix_sums import PrefixSums

MEMORY_S = 10.0
"""Time constant of the average over work dispatched, and so the time for which it says anything."""
_MEMORY_MIN_S = 1.0  # An average over less time than this takes one batch for a rate.
_IDLE_S = 30.0  # Without work for this long, the average starts over.
_RESCALE = 60.0  # Exponent at which weights return to 1: exp(60) is far from overflow.
_OVERHEAD_WEIGHT = 0.02  # Of the newest batch in the average overhead: a memory of about fifty batches.
_TAIL_EXPANSION = 26.0  # Standard deviations from which on the normal tail, which underflows at 38, is an expansion.


class Flow(NamedTuple):
    """Work that a set of lanes brings."""

    work: float
    """Workers that it keeps busy, 0 to the pool's size."""
    variance: float
    """Of the work that arrives in a second, in seconds squared a second: the sum of job_work**2 over its jobs."""


class Forecast:
    """Averages of what was dispatched, by lane, and of what it took.

    Flows count work when it is dispatched: a burst is admitted within a moment and may be displaced in the next, while
    the work dispatched never exceeds the pool. Their average is exponentially weighted by forward decay (Cormode,
    Shkapenyuk, Srivastava and Xu, 2009): later work gets larger weights, so that time passing costs nothing.
    """

    def __init__(self) -> None:
        self._flows = PrefixSums((0.0, 0.0))
        self._began_at = self._last_at = -inf  # Of the work averaged over.
        self._unit_at = 0.0  # The moment whose work has weight 1.
        self._overheads = {True: 1.0, False: 1.0}

    def add_work(self, lane: int, work: float, job_work: float, now: float) -> None:
        """Record that `work` seconds of a worker were dispatched in `lane`, of a job of `job_work` seconds in all."""
        if now - self._last_at > _IDLE_S:
            self._flows = PrefixSums((0.0, 0.0))
            self._began_at = self._unit_at = now
        self._last_at = now
        age = (now - self._unit_at) / MEMORY_S
        if age > _RESCALE:
            self._flows.scale(exp(-age))
            self._unit_at, age = now, 0.0
        weighted = work * exp(age)
        self._flows.add(lane, (weighted, weighted * job_work))

    def flow_through(self, lane: int, now: float) -> Flow:
        """Return the flow of `lane` and every better one; zero for lane -1."""
        weights = MEMORY_S * -expm1(-max(now - self._began_at, _MEMORY_MIN_S) / MEMORY_S)
        unit = exp(-(now - self._unit_at) / MEMORY_S) / weights
        work, variance = self._flows.through(lane)
        return Flow(work * unit, variance * unit)

    def add_batch(self, predicted_s: float, priced_s: float, *, express: bool) -> None:
        """Record that pairs priced at `priced_s` while they waited went out in a batch of `predicted_s`."""
        self._overheads[express] += _OVERHEAD_WEIGHT * (predicted_s / priced_s - self._overheads[express])

    def overhead(self, *, express: bool) -> float:
        """Return the factor, at least 1, from the price of waiting pairs to the seconds of their batches.

        It holds the padding and the launches that a price cannot foresee. Express batches have their own: they go out
        small and padded, since their latency comes first.
        """
        return max(1.0, self._overheads[express])


def probability_in_time(work_s: float, window_s: float, spare: float, variance: float) -> float:
    """Return the probability, 0 to 1, that `work_s` seconds of the pool are done within `window_s` seconds.

    `spare`, above 0, is the share of the pool that other work leaves on average; `variance` is that of the other work
    in a second. The work that remains is a Brownian motion with drift, and its first passage through zero has the
    inverse Gaussian distribution (Chhikara and Folks, 1989). Even where other work takes the whole pool on average,
    the probability is high in a lull: without the variance, such gaps would go unused.
    """
    if variance <= 0:
        return 1.0 if work_s <= spare * window_s else 0.0
    deviation = sqrt(variance * window_s)
    direct = _normal_tail((work_s - spare * window_s) / deviation)
    # Paths that reached zero and are above it again, by the reflection principle.
    exponent, reflected = 2 * spare * work_s / variance, (work_s + spare * window_s) / deviation
    if reflected < _TAIL_EXPANSION:
        return direct + exp(exponent) * _normal_tail(reflected)
    return direct + exp(exponent - reflected * reflected / 2) / (reflected * sqrt(2 * pi))


def _normal_tail(deviations: float) -> float:
    """Return the probability that a standard normal value is larger."""
    return erfc(deviations / sqrt(2)) / 2

"""Figures of a run."""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from tests.simulation.run import Ending, Outcome, Run
from tests.simulation.worker import Cost


class Factors(NamedTuple):
    """Factors of the efficiency of a pool: delivered / peak = busy * packing * (1 - sunk - late)."""

    busy: float
    """Share of the observed worker time spent in batches."""
    packing: float
    """Useful seconds over seconds in batches: 1 without launches and padding."""
    sunk: float
    """Share of useful seconds spent before the deadline on requests that did not finish in time."""
    late: float
    """Share of useful seconds that ended after the deadline of their request."""


def factors(run: Run, workers: int, start: float, stop: float) -> Factors:
    """Measure a run between `start` and `stop`."""
    span = sum(max(0.0, min(b.end, stop) - max(b.start, start)) for b in run.batches)
    seconds = sum(b.end - b.start for b in run.batches)
    useful = sum(p.useful_s for b in run.batches for p in b.pieces)
    if not useful:
        return Factors(0.0, 0.0, 0.0, 0.0)
    late = sum(o.late_s for o in run.outcomes)
    wasted = sum(o.executed_s for o in run.outcomes if not o.good)
    return Factors(span / workers / (stop - start), useful / seconds, max(0.0, wasted - late) / useful, late / useful)


def of(run: Run, lanes: Collection[int]) -> list[Outcome]:
    """Return the outcomes of requests in some lanes."""
    return [o for o in run.outcomes if o.request.lane in lanes]


def in_time(outcomes: Collection[Outcome]) -> float:
    """Return the share of requests finished in time."""
    return sum(o.good for o in outcomes) / max(1, len(outcomes))


def goodput(outcomes: Iterable[Outcome], cost: Cost) -> float:
    """Return the useful seconds of the requests finished in time."""
    return sum(useful_s(o.request.pair_tokens, cost) for o in outcomes if o.good)


def useful_s(pair_tokens: Iterable[int], cost: Cost) -> float:
    """Return the seconds of pairs without launch and padding."""
    return sum(map(cost.useful, pair_tokens))


def latencies(outcomes: Iterable[Outcome], keep: Callable[[Outcome], bool] = lambda _: True) -> list[float]:
    """Return the latencies of finished requests, in seconds, ascending."""
    return sorted(o.latency for o in outcomes if o.ending is Ending.FINISHED and keep(o))

"""Scenario: requests that are a large part of what the machine can do until their deadline."""

from dataclasses import replace
from typing import NamedTuple

from service.bench.goal import Goal, at_least
from tests.simulation import measures
from tests.simulation.bench import Bench
from tests.simulation.bounds import served_behind
from tests.simulation.result import Result
from tests.simulation.workload import Group, exactly, few

_REQUEST_S = 0.5
_FACTORS, _LOADS = (2, 5, 10), (0.2, 0.5, 0.8)
_OFFERED = 3.0
"""Work of large requests over what the urgent ones leave."""
_GOODPUT_AIM, _SUNK_AIM = 0.88, 0.03


class _Share(NamedTuple):
    """Figures of a run."""

    goodput: float
    """Over the bound."""
    sunk: float
    urgent: float


def large_requests(bench: Bench) -> Result:
    """Offer requests of half a second of the machine, with deadlines of 2, 5 and 10 times that, beside urgent work."""
    found = [_shares(bench, factor, load) for factor in _FACTORS for load in _LOADS]
    return Result(
        "large_requests",
        f"{_REQUEST_S} s each; urgent load 0.2 to 0.8",
        (
            at_least("urgent in time, least", min(share.urgent for share in found), 0.999),
            Goal("total / bound, least", [min(share.goodput for share in found)], 0.78, _GOODPUT_AIM, at_least=True),
            Goal("S, most", [max(share.sunk for share in found)], 0.4, _SUNK_AIM),
        ),
    )


def _shares(bench: Bench, factor: float, load: float) -> _Share:
    pair_s = Group("bulk", range(1), exactly(1), 1.0).request_s(bench.cost)
    pairs = round(_REQUEST_S * bench.raw * bench.setup.patience / pair_s)
    bulk = Group("bulk", range(500, 501), exactly(pairs), factor * _REQUEST_S * bench.setup.patience)
    urgent = Group("urgent", range(1), few, bench.urgent.deadline_s)
    demand = load * bench.raw * bench.packing(urgent)
    capacity = bench.capacity([(urgent, demand), (bulk, 0.0)])
    bench = replace(bench, length_s=2 * bench.length_s)
    trace = bench.trace([(urgent, demand), (bulk, _OFFERED * (capacity - demand))])
    run = bench.play(trace)
    served = [measures.goodput(measures.of(run, group.lanes), bench.cost) for group in (urgent, bulk)]
    offered = sum(measures.useful_s(r.pair_tokens, bench.cost) for r in trace if r.lane in urgent.lanes)
    best = served_behind(trace, urgent.lanes, capacity, bench.cost)
    return _Share(
        sum(served) / (offered + best),
        bench.factors(run).sunk,
        measures.in_time(measures.of(run, urgent.lanes)),
    )

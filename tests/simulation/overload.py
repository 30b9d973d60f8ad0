"""Scenarios: overload."""

from collections.abc import Collection
from dataclasses import replace
from math import inf

import numpy as np

from service.bench.goal import at_least, at_most, quantile
from tests.simulation import measures
from tests.simulation.bench import Bench
from tests.simulation.result import Result
from tests.simulation.run import Run
from tests.simulation.workload import merged, requests

LOADS = (0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 6.0, 10.0)
_STEADY = 4
"""Length factor of traces that are compared with the clairvoyant bound.

The clairvoyant fills the patience after the last arrival, too, since it knew what to keep for then: in 30 s with a
patience of 3 s that alone makes every other schedule fall short by up to a tenth.
"""


def rising_load(bench: Bench) -> Result:
    """Raise the offered load; goodput must not fall."""
    got = [total_s(bench, bench.play(bench.trace(bench.parts(x)))) for x in LOADS]
    dips = [here / max(got[:i]) for i, here in enumerate(got) if i]
    return Result(
        "rising_load",
        "0.5x to 10x",
        (
            at_least("G(x) / max G(y < x)", min(dips), 0.95),
            at_least("G(10) / G(1.5)", got[-1] / got[LOADS.index(1.5)], 0.95),
        ),
    )


def urgent_overload(bench: Bench) -> Result:
    """Overload the machine with the urgent lane alone."""
    urgent, _, bulk = bench.mix
    best = bench.packing(urgent) * bench.raw
    run = bench.play(bench.trace([(urgent, 1.3 * best), (bulk, 2.7 * best)]))
    got = measures.goodput(measures.of(run, urgent.lanes), bench.cost) / run.ended_at
    factors = bench.factors(run)
    waste = sum(o.executed_s for o in measures.of(run, bulk.lanes))
    return Result(
        "urgent_overload",
        "urgent lane at 1.3x its capacity",
        (
            at_least("urgent goodput / C*0", got / best, 0.90),
            at_most("work of other lanes", waste / sum(o.executed_s for o in run.outcomes), 0.02),
            at_most("late", factors.late, 0.005),
        ),
        factors,
        bench.packing(urgent),
    )


def mix_at_4x(bench: Bench) -> Result:
    """Offer the mix at four times the capacity; the mean of three traces."""
    return _mixed(bench, "mix_at_4x", 4.0, 0.89)


def mix_at_1x(bench: Bench) -> Result:
    """Offer the mix at the capacity, where only bursts cause losses."""
    return _mixed(bench, "mix_at_1x", 1.0, 0.88, busy_least=0.9)


def mix_at_10x(bench: Bench) -> Result:
    """Offer the mix at ten times the capacity."""
    return _mixed(bench, "mix_at_10x", 10.0, 0.89)


def mix_with_classes(bench: Bench) -> Result:
    """Offer the mix at four times the capacity, with a hundred lanes to a class."""
    wide = replace(bench, setup=bench.setup._replace(policy=replace(bench.policy, class_width=100)))
    return _mixed(wide, "mix_with_classes", 4.0, 0.91, 0.03)


def bulk_and_urgent(bench: Bench) -> Result:
    """Offer one bulk lane and the urgent one."""
    urgent, bulk = bench.urgent, replace(bench.mix[2], lanes=range(900, 901))
    parts = [(urgent, 0.2 * bench.raw), (bulk, 0.0)]
    capacity = bench.capacity(parts)
    bench = replace(bench, length_s=_STEADY * bench.length_s)
    run = bench.play(bench.trace([parts[0], (bulk, 4 * capacity - 0.2 * bench.raw)]))
    factors = bench.factors(run)
    _, total = bench.ratios(run, (urgent, bulk), capacity)
    best = capacity / bench.raw
    return Result(
        "bulk_and_urgent",
        "4x, one bulk lane and the urgent one",
        (
            at_least("U", factors.busy, 0.99),
            at_least("U * E / E*", factors.busy * factors.packing / best, 0.93),
            at_most("S", factors.sunk, 0.02),
            at_least("total / G*", total, 0.83),
        ),
        factors,
        best,
        total,
    )


def burst(bench: Bench) -> Result:
    """Let the middle group burst, and compare the other requests with a run without the burst."""
    parts, third = bench.parts(0.6), bench.seconds / 3
    calm = bench.trace(parts)
    middle, demand = parts[1]
    extra = requests(middle, 9 * demand, bench.cost, 2 * bench.setup.patience, seed=bench.seed + 1, start=third)
    number = {id(r): r for r in calm}
    with_burst = bench.play(merged(calm, extra))
    without = bench.play(calm)
    over = third + 2 * bench.setup.patience
    recovered = over + max(g.deadline_s for g in bench.mix) / (1 - 0.6) + bench.setup.patience

    def p99(run: Run, lanes: Collection[int], start: float, stop: float) -> float:
        outcomes = [o for o in measures.of(run, lanes) if id(o.request) in number and start <= o.request.at < stop]
        return quantile(measures.latencies(outcomes), 0.99)

    checks = [
        at_most(
            "urgent p99 in the burst, more than without, s",
            p99(with_burst, bench.urgent.lanes, third, over) - p99(without, bench.urgent.lanes, third, over),
            1.1 * bench.cap_s,
        )
    ]
    for group in bench.mix:
        more = p99(with_burst, group.lanes, recovered, inf) - p99(without, group.lanes, recovered, inf)
        checks.append(at_most(f"{group.name} p99 afterwards, more than without, s", more, bench.cap_s))
    return Result("burst", "10x for 2 s on 0.6x", tuple(checks), bench.factors(with_burst))


def _mixed(
    bench: Bench, name: str, load: float, total_least: float, sunk_most: float = 0.08, *, busy_least: float = 0.98
) -> Result:
    ratios, totals, factors = [], [], []
    bench = replace(bench, length_s=_STEADY * bench.length_s)
    parts = bench.parts(load)
    capacity = bench.capacity(parts)
    for seed in range(bench.seed, bench.seed + 3):
        other = replace(bench, seed=seed)
        run = other.play(other.trace(parts))
        by_group, total = other.ratios(run, bench.mix, capacity)
        ratios.append(by_group)
        totals.append(total)
        factors.append(other.factors(run))
    urgent, middle, _ = np.mean(ratios, axis=0)
    mean = measures.Factors(*map(float, np.mean(factors, axis=0)))
    best, total = capacity / bench.raw, float(np.mean(totals))
    return Result(
        name,
        f"the mix at {load:g}x",
        (
            at_least("urgent / clairvoyant", urgent, 0.99),
            at_least("middle / clairvoyant", middle, 0.95),
            at_least("total / clairvoyant", total, total_least),
            at_least("U", mean.busy, busy_least),
            at_least("E / E*", mean.packing / best, 0.92),
            at_most("S", mean.sunk, sunk_most),
            at_most("late", mean.late, 0.001),
        ),
        mean,
        best,
        total,
    )


def total_s(bench: Bench, run: Run) -> float:
    """Return the useful seconds of all requests finished in time."""
    return measures.goodput(run.outcomes, bench.cost)

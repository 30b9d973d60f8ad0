"""Scenarios: misbehaving clients, wrong costs and infeasible deadlines."""

from dataclasses import replace
from time import perf_counter

import numpy as np

from scheduler import CostModel, Job, Scheduler
from service.bench.goal import at_least, at_most, quantile
from service.settings import Settings
from tests.simulation import measures
from tests.simulation.bench import Bench
from tests.simulation.overload import total_s
from tests.simulation.result import Result
from tests.simulation.run import Ending, Run
from tests.simulation.worker import Cost, Speed
from tests.simulation.workload import Group, Retry


def retries(bench: Bench) -> Result:
    """Let refused clients retry."""
    trace = bench.trace(bench.parts(4.0))
    calm, storm, polite = (bench.play(trace, retry=r) for r in (None, Retry(honour=False), Retry()))
    attempts = sum(o.attempts for o in polite.outcomes) / len(trace)
    return Result(
        "retries",
        "retries at 4x",
        (
            at_least("goodput / without retries", total_s(bench, storm) / total_s(bench, calm), 0.95),
            at_least("the same, advice honoured", total_s(bench, polite) / total_s(bench, calm), 0.95),
            at_most("attempts per request, advice honoured", attempts, 1.2),
            at_least("urgent in time in the storm", measures.in_time(measures.of(storm, bench.urgent.lanes)), 0.99),
        ),
        bench.factors(storm),
    )


def infeasible_deadlines(bench: Bench) -> Result:
    """Double the load with requests whose deadlines cannot be met."""
    doomed = Group("doomed", range(200, 300), bench.mix[1].documents, 0.001 * bench.setup.patience)
    parts = bench.parts(2.0)
    run = bench.play(bench.trace([*parts, (doomed, sum(d for _, d in parts))]))
    hopeless = [
        o
        for o in measures.of(run, doomed.lanes)
        if measures.useful_s(o.request.pair_tokens, bench.cost) / bench.raw > doomed.deadline_s
    ]
    refused = sum(o.ending is Ending.REFUSED for o in hopeless) / len(hopeless)
    executed = sum(o.executed_s for o in hopeless) / sum(o.executed_s for o in run.outcomes)
    return Result(
        "infeasible_deadlines",
        "half of the traffic infeasible",
        (at_least("refused on arrival", refused, 0.99), at_most("share of executed work", executed, 0.005)),
        bench.factors(run),
    )


def no_deadlines(bench: Bench) -> Result:
    """Offer requests without deadlines, which get the default deadline."""
    longer = replace(bench, length_s=10 * bench.length_s)
    default_s = Settings.model_fields["default_timeout_seconds"].default
    trace = [r._replace(deadline=r.at + default_s) for r in longer.trace(bench.parts(2.0))]
    run = bench.play(trace, watch=True)
    largest = max(measures.useful_s(r.pair_tokens, bench.cost) for r in trace) / bench.raw
    within = [o.latency for o in run.outcomes if o.ending is Ending.FINISHED and o.request.at < longer.seconds / 2]
    late_half = sum(s.at >= longer.seconds / 2 for s in run.sheddings)
    growth = late_half / max(1, len(run.sheddings) - late_half)
    return Result(
        "no_deadlines",
        "2x without deadlines",
        (
            at_most("largest backlog, s", run.backlog_s_max, 1.2 * (bench.policy.backlog_s + largest)),
            at_most("longest stay of a served request, s", max(within), bench.policy.backlog_s + default_s),
            at_least("urgent in time within 0.5 s", _within(run, bench.urgent), 0.99),
            at_most("shed in the second half / in the first", growth, 1.1),
        ),
        bench.factors(run),
    )


def mostly_refusals(bench: Bench) -> Result:
    """Refuse most requests."""
    low, high = (bench.play(bench.trace(bench.parts(x))) for x in (1.5, 10.0))
    capacity = bench.capacity(bench.parts(4.0))
    ratios = [bench.ratios(run, bench.mix, capacity)[1] for run in (low, high)]
    return Result(
        "mostly_refusals",
        "10x, nearly all of it shed",
        (
            at_least("goodput over its bound, at 10x / at 1.5x", ratios[1] / ratios[0], 0.97),
            at_most("p99 of a refusal, real s", _refusal_s(bench), 0.005),
        ),
        bench.factors(high),
    )


def wrong_costs(bench: Bench) -> Result:
    """Start with a wrong cost model, then slow the machine down."""
    parts = bench.parts(4.0)
    trace = bench.trace(parts)
    right = total_s(bench, bench.play(trace))
    checks = []
    for factor in (0.5, 2.0):
        believed = Cost(*(factor * x for x in bench.cost))
        got = total_s(bench, bench.play(trace, believed=believed))
        checks.append(at_most(f"total off by, believing {factor}x", abs(got / right - 1), 0.08))
    step = bench.seconds / 2
    run = bench.play(trace, speeds=(Speed(3.0, at=step),), watch=True)
    after = [b for b in run.batches if b.start >= step]
    errors = [abs(b.predicted_s / (b.end - b.start) - 1) for b in after[200:400]]
    checks.append(at_most("prediction error 200 batches after a step to 3x", float(np.mean(errors)), 0.15))
    floors = _floors(run, step + bench.seconds / 6, bench.seconds, bench.setup.patience)
    checks.append(at_most("swing of the shed floor after it, classes", max(floors) - min(floors), 2))
    return Result("wrong_costs", "wrong costs, then a step", tuple(checks), bench.factors(run))


def _within(run: Run, group: Group) -> float:
    outcomes = measures.of(run, group.lanes)
    return sum(o.ending is Ending.FINISHED and o.latency <= group.deadline_s for o in outcomes) / len(outcomes)


def _floors(run: Run, start: float, stop: float, every: float) -> list[int]:
    """Return, for each interval, the class of a hundred lanes at which shedding begins."""
    pieces: dict[int, list[int]] = {}
    for shedding in run.sheddings:
        if start <= shedding.at < stop:
            pieces.setdefault(int(shedding.at / every), []).append(shedding.lane)
    return [int(quantile(lanes, 0.1)) // 100 for lanes in pieces.values()] or [0]


def _refusal_s(bench: Bench, count: int = 1000) -> float:
    """Return the p99 of the real time of a refusal by a full scheduler, in seconds."""
    scheduler = Scheduler(replace(bench.policy, backlog_s=1.0), CostModel(*bench.cost))
    times = []
    for number in range(3 * count):
        job = Job(number, 100 + number % 800, f"{number % 50}", (100,) * 10, 2.0 * bench.setup.patience)
        start = perf_counter()
        refusal = scheduler.offer(job, 0.0)
        if refusal:
            times.append(perf_counter() - start)
        scheduler.poll(0.0)
    return quantile(times, 0.99)

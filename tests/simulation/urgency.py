"""Scenarios: urgent requests stay fast under any other load."""

from dataclasses import replace

from service.bench.goal import Goal, at_least, at_most, quantile
from tests.simulation import measures
from tests.simulation.bench import Bench
from tests.simulation.result import Result
from tests.simulation.run import Ending, Run
from tests.simulation.workload import BULK, Group, Request, backlog, bimodal, exactly, merged, requests

_FAR = 1e6


def urgent_at_80_percent(bench: Bench) -> Result:
    """Offer 0.8 of the capacity in the urgent lane, and four times the capacity in all."""
    return _urgent_at(bench, "urgent_at_80_percent", 0.8, 0.995)


def urgent_at_90_percent(bench: Bench) -> Result:
    """Offer 0.9 of the capacity in the urgent lane, where its own bursts make some requests late."""
    return _urgent_at(bench, "urgent_at_90_percent", 0.9, 0.99)


def five_among_a_thousand(bench: Bench, phases: int = 300) -> Result:
    """Send five documents shortly after a thousand, at every phase of the batches."""
    cost, gap = bench.cost, 40 * bench.setup.patience
    big = backlog(replace(BULK, lanes=range(900, 901), documents=exactly(1000)), 1, bench.seed)[0]
    small = backlog(replace(bench.urgent, documents=exactly(5)), 1, bench.seed)[0]
    bigs = [big._replace(at=i * gap, deadline=i * gap + _FAR) for i in range(phases)]
    phase_s = 3 * bench.cap_s / phases
    smalls = [small._replace(at=i * gap + 0.0001 + i * phase_s, deadline=i * gap + _FAR) for i in range(phases)]
    both = bench.play(merged(bigs, smalls), noise=0.0)
    calm = bench.play(bigs, noise=0.0)
    own_s = cost.batch(5, max(small.pair_tokens))
    slowest = max(o.latency for o in measures.of(both, bench.urgent.lanes))
    delays = [a.latency - b.latency for a, b in zip(measures.of(both, range(900, 901)), calm.outcomes, strict=True)]
    return Result(
        "five_among_a_thousand",
        f"5 documents among 1000, {phases} phases",
        (
            at_most("slowest, over T + own + 2 ms", slowest / (bench.cap_s + own_s + 0.002), 1.0),
            at_most("delay of the 1000, over own + a", max(delays) / (own_s + cost.launch_s), 1.0),
        ),
    )


def long_queue(bench: Bench) -> Result:
    """Fill the queue with requests of a thousand documents."""
    big = replace(BULK, lanes=range(900, 901), documents=exactly(1000), deadline_s=_FAR)
    urgent = requests(
        bench.urgent, 0.5 * bench.packing(bench.urgent) * bench.raw, bench.cost, bench.seconds, seed=bench.seed
    )
    trace = merged(backlog(big, 64, bench.seed), urgent)
    run = bench.play(trace, policy=replace(bench.policy, backlog_s=_FAR), watch=True)
    checks = _urgent_checks(bench, run, trace, 0.995)
    return Result("long_queue", "64 requests of 1000 documents queued", checks, bench.factors(run))


def thousand_lanes(bench: Bench) -> Result:
    """Send one request in each lane at once, the least urgent first."""
    group = replace(BULK, lanes=range(1), documents=bench.mix[1].documents, deadline_s=_FAR)
    trace = [r._replace(lane=999 - i) for i, r in enumerate(backlog(group, 1000, bench.seed))]
    run = bench.play(trace, policy=replace(bench.policy, backlog_s=_FAR), noise=0.0)
    passed = _passed_s(run, bench.policy.workers)
    return Result(
        "thousand_lanes",
        "1000 lanes in reverse order",
        (
            at_most("work finished before better work, over a batch a worker", passed / bench.cap_s / bench.raw, 1.0),
            at_least("U", bench.factors(run, 0.0).busy if run.batches[0].start else _busy(run, bench), 0.98),
        ),
    )


def two_lengths(bench: Bench) -> Result:
    """Mix pairs of 32 and of 512 tokens."""
    urgent, bulk = (replace(g, lengths=bimodal) for g in (bench.urgent, bench.mix[2]))
    share = bench.packing(urgent)
    trace = bench.trace([(urgent, 0.5 * share * bench.raw), (bulk, 3 * bench.raw)])
    run = bench.play(trace, watch=True)
    slots = sum(p.pairs * b.length for b in run.batches for p in b.pieces)
    spent = sum(sum(p.useful_s for p in b.pieces) / bench.cost.useful(b.length) * b.length for b in run.batches)
    waits = _queue_of_both_lengths(bench)
    return Result(
        "two_lengths",
        "lengths 32 and 512",
        (
            at_most("padding", 1 - spent / slots, 0.15),
            *_urgent_checks(bench, run, trace, 0.99),
            at_most("longest wait / median, short and long requests queued", waits, 2.1),
        ),
        bench.factors(run),
    )


def very_long_pairs(bench: Bench) -> Result:
    """Mix short pairs with pairs so long that each makes a batch of its own."""
    long = int(5 * bench.cap_s / bench.cost.token_s)
    urgent = requests(
        bench.urgent, 0.25 * bench.packing(bench.urgent) * bench.raw, bench.cost, bench.seconds, seed=bench.seed
    )
    bulk = requests(bench.mix[2], 2 * bench.raw, bench.cost, bench.seconds, seed=bench.seed)
    patience = bench.setup.patience
    longs = [Request(i * patience, 400, "long", (long,), (i + 3) * patience) for i in range(1, int(bench.length_s))]
    trace = merged(urgent, bulk, longs)
    run = bench.play(trace, watch=True)
    others = [b for b in run.batches if sum(p.pairs for p in b.pieces) > 1]
    one_less = replace(bench.policy, workers=bench.policy.workers - 1)
    limit = bench.alone(trace, one_less) + bench.cap_s
    return Result(
        "very_long_pairs",
        "a very long pair now and then",
        (
            at_most("other batches, predicted over T", max(b.predicted_s for b in others) / bench.cap_s, 1.0 + 1e-9),
            at_most(
                "pairs beside the long one",
                max(sum(p.pairs for p in b.pieces) for b in run.batches if b.length == long) - 1,
                0,
            ),
            at_least("long ones in time", measures.in_time(measures.of(run, range(400, 401))), 1.0),
            at_least("urgent in time", measures.in_time(measures.of(run, bench.urgent.lanes)), 0.99),
            at_most("urgent p99 over (alone on one worker less + T)", bench.p99(run) / limit, 1.0),
        ),
        bench.factors(run),
    )


def _urgent_at(bench: Bench, name: str, share: float, least: float) -> Result:
    urgent, _, bulk = bench.mix
    best = bench.packing(urgent) * bench.raw
    trace = bench.trace([(urgent, share * best), (bulk, 4 * best - share * best)])
    run = bench.play(trace, watch=True)
    parts = [(urgent, share * best), (bulk, 0.0)]
    return Result(
        name,
        f"urgent lane at {share:g} of the machine, 4x in all",
        _urgent_checks(bench, run, trace, least),
        bench.factors(run),
        bench.capacity(parts) / bench.raw,
        bench.ratios(run, (urgent, bulk), bench.capacity(parts))[1],
    )


def _urgent_checks(bench: Bench, run: Run, trace: list[Request], least: float) -> tuple[Goal, ...]:
    lanes = bench.urgent.lanes
    inverted = sum(s.lane in lanes and s.worst_lane is not None and s.worst_lane not in lanes for s in run.sheddings)
    return (
        at_least("urgent in time", measures.in_time(measures.of(run, lanes)), least),
        at_most("urgent shed while worse work waited", inverted, 0),
        at_most("urgent p99 over (alone + T)", bench.p99(run) / (bench.alone(trace) + bench.cap_s), 1.10),
    )


def _passed_s(run: Run, workers: int) -> float:
    """Return the most less urgent work that finished before a request, without work that had started before it came."""
    done = sorted((o.ended_at, o.request.lane, o.executed_s) for o in run.outcomes if o.ending is Ending.FINISHED)
    first = {p.request for b in run.batches[:workers] for p in b.pieces}
    lanes_first = {run.outcomes[i].request.lane for i in first}
    most, behind = 0.0, list[tuple[int, float]]()
    for _, lane, seconds in done:
        most = max(most, sum(s for worse, s in behind if worse > lane))
        if lane not in lanes_first:
            behind.append((lane, seconds))
            behind = [(w, s) for w, s in behind[-200:]]
    return most


def _busy(run: Run, bench: Bench) -> float:
    last = max(b.start for b in run.batches)
    return measures.factors(run, bench.policy.workers, 0.0, last).busy


def _queue_of_both_lengths(bench: Bench) -> float:
    """Queue requests of short and of long pairs in turn; return the longest wait over the median."""
    lane = Group("both", range(900, 901), exactly(60), _FAR, clients=1)
    found = backlog(lane, 80, bench.seed)
    trace = [r._replace(pair_tokens=((32,) if i % 2 else (512,)) * 60) for i, r in enumerate(found)]
    run = bench.play(trace, policy=replace(bench.policy, backlog_s=_FAR), noise=0.0)
    waits = [o.started_at for o in run.outcomes if o.started_at is not None]
    return max(waits) / quantile(waits, 0.5)

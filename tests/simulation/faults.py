"""Scenarios: faults."""

from dataclasses import replace
from math import ceil, inf, log2

import numpy as np
from numpy.random import Generator

from service.bench.goal import at_least, at_most
from tests.simulation import measures
from tests.simulation.bench import Bench
from tests.simulation.result import MISSING, Result
from tests.simulation.run import Ending, Run
from tests.simulation.simulator import Closing
from tests.simulation.worker import Pause, Speed
from tests.simulation.workload import Group, about, backlog, exactly

_FAR = 1e6
_SMALL = 8
"""Number of documents of a request with a poisonous pair."""


def hanging_worker(bench: Bench) -> Result:
    """Let a batch hang for a while, and in another run for ever."""
    at = bench.seconds / 3
    trace = bench.trace(bench.parts(0.7))
    healthy = bench.play(trace)
    first = next(b for b in healthy.batches if b.start >= at)
    once = bench.play(trace, speeds=(Speed(inf, at=first.start, until=first.start + 1e-9, worker=first.worker),))
    dead = bench.play(trace, speeds=(Speed(inf, at=at, worker=0),))
    back = max(b.end - b.start for b in once.batches)
    missed = [o for o, h in zip(once.outcomes, healthy.outcomes, strict=True) if h.good and not o.good]
    return Result(
        "hanging_worker",
        "a worker hangs",
        (
            at_least("runs that hung", once.counters["hung"], 1),
            at_most("back at work after, s", back, max(6 * bench.cap_s, bench.cap_s + 0.25) + 3 * bench.cap_s),
            at_most("requests too late for it", len(missed), len(first.pieces)),
            at_least("urgent in time if it never comes back", _urgent_in_time(bench, dead), 0.99),
            at_most("jobs never ended", dead.jobs_left + _lost(dead), 0),
        ),
        bench.factors(dead),
    )


def slow_worker(bench: Bench) -> Result:
    """Slow one worker down to a fifth of its speed."""
    share = bench.packing(bench.urgent) * bench.raw
    trace = bench.trace([(bench.urgent, 0.4 * share), (bench.mix[2], 3 * bench.raw)])
    at = bench.seconds / 3
    run = bench.play(trace, speeds=(Speed(5.0, at=at, worker=0),))
    healthy = bench.play(trace)
    slow, rest = (_useful(run, at, worker) for worker in ({0}, set(range(1, bench.policy.workers))))
    uses = sum(b.worker == 0 and b.start >= at for b in run.batches)
    return Result(
        "slow_worker",
        "a worker five times slower",
        (
            at_most("its work over its share", slow * 5 * (bench.policy.workers - 1) / rest, 1.05),
            at_most("urgent p99 over 2x healthy", bench.p99(run) / (2 * bench.p99(healthy)), 1.0, MISSING),
            at_least("urgent in time", measures.in_time(measures.of(run, bench.urgent.lanes)), 0.99),
            at_most("batches before it is set aside", uses, 20, MISSING),
        ),
        bench.factors(run, at),
    )


def poisonous_pairs(bench: Bench) -> Result:
    """Add pairs that make every batch with them fail."""
    run, culprits = _with_poison(bench, mute=False)
    size = max(sum(p.pairs for p in b.pieces) for b in run.batches)
    failing = run.counters["failing runs, at most"]
    return Result(
        "poisonous_pairs",
        "poisonous pairs",
        (
            at_least("culprits served but for that pair", _without(run, culprits), 1.0),
            at_least("others served", _others(run, culprits), 1.0),
            at_most("failing runs until a culprit is found", failing, ceil(log2(size)) + 2),
        ),
    )


def missing_scores(bench: Bench) -> Result:
    """Return one score too few from every batch with certain pairs."""
    run, culprits = _with_poison(bench, mute=True)
    return Result(
        "missing_scores",
        "too few scores",
        (
            at_least("culprits served but for that pair", _without(run, culprits), 1.0),
            at_least("others served", _others(run, culprits), 1.0),
        ),
    )


def pause(bench: Bench) -> Result:
    """Freeze the machine for two seconds."""
    patience = bench.setup.patience
    at, seconds = bench.seconds / 3, 2.0 * patience
    trace = bench.trace(bench.parts(2.0))
    run = bench.play(trace, pauses=(Pause(at, seconds),))
    after = [o for o in measures.of(run, bench.urgent.lanes) if o.request.at > at + seconds + patience]
    expired = [o for o in run.outcomes if not o.good and at < o.request.at and o.request.deadline < at + seconds]
    return Result(
        "pause",
        "everything stands still for 2 s",
        (
            at_most("late", bench.factors(run).late, 0.005),
            at_most("work on what expired meanwhile, s", sum(o.executed_s for o in expired), 0.0),
            at_least("urgent in time afterwards", measures.in_time(after), 0.995),
            at_most("jobs never ended", run.jobs_left + _lost(run), 0),
        ),
        bench.factors(run),
    )


def mass_cancellation(bench: Bench) -> Result:
    """Cancel nine tenths of the queue within ten milliseconds."""
    lane = Group("queue", range(200, 900), about(20, 200), _FAR)
    queue = backlog(lane, 3000, bench.seed)
    trace = [r._replace(cancel_at=1.0 + i % 1000 * 1e-5) if i % 10 else r for i, r in enumerate(queue)]
    run = bench.play(trace, policy=replace(bench.policy, backlog_s=_FAR))
    ghosts = sum(p.pairs for b in run.batches for p in b.pieces if (trace[p.request].cancel_at or inf) < b.start)
    kept = [o for o in run.outcomes if o.request.cancel_at is None]
    return Result(
        "mass_cancellation",
        "90 % of the queue cancelled",
        (
            at_most("pairs started after their cancellation", ghosts, 0),
            at_least("others served", measures.in_time(kept), 1.0),
            at_most("jobs left in the books", run.jobs_left + _lost(run), 0),
        ),
    )


def cancelled_while_running(bench: Bench) -> Result:
    """Cancel requests at random times, many of them on a worker."""
    requests = bench.trace([(bench.urgent, 0.5 * bench.packing(bench.urgent) * bench.raw)])
    trace = [r._replace(cancel_at=r.at + i % 50 / 50 * bench.cap_s) if i % 3 else r for i, r in enumerate(requests)]
    run = bench.play(trace)
    ended = {i: o.ended_at for i, o in enumerate(run.outcomes) if o.ending is Ending.CANCELLED}
    caught = [b for b in run.batches if any(b.start < (ended.get(p.request) or -1.0) < b.end for p in b.pieces)]
    mates = {p.request for b in caught for p in b.pieces} - ended.keys()
    return Result(
        "cancelled_while_running",
        "cancelled while on a worker",
        (
            at_least("batches with one", len(caught), 50),
            at_least("batch mates served", sum(run.outcomes[i].good for i in mates) / max(1, len(mates)), 1.0),
            at_most("jobs left in the books", run.jobs_left + _lost(run), 0),
        ),
    )


def stop_under_load(bench: Bench) -> Result:
    """Stop the server under overload."""
    patience = bench.setup.patience
    trace, grace = bench.trace(bench.parts(4.0)), 1.0 * patience
    at = min(r.at for r in trace if r.lane == 0 and r.at > bench.seconds / 2) + bench.cap_s / 100
    run = bench.play(trace, closing=Closing(at, grace))
    begun = [o for o in run.outcomes if o.request.at < at and (o.ended_at or inf) >= at]
    best = [o for o in begun if o.request.lane < 500]
    later = [o for o in run.outcomes if o.request.at >= at]
    last = max(o.ended_at for o in begun if o.ended_at is not None)
    return Result(
        "stop_under_load",
        "told to stop under 4x",
        (
            at_least("urgent and middle requests drained", measures.in_time(best), 0.99),
            at_most("ended after the grace, s", last - at - grace, 1e-9),
            at_most("never ended", run.jobs_left + _lost(run), 0),
            at_least("refused once told", _of_ending(later, Ending.REFUSED), 1.0),
        ),
    )


def _with_poison(bench: Bench, *, mute: bool) -> tuple[Run, set[int]]:
    """Simulate 400 small requests, one in forty with a failing pair; return the run and the culprits."""
    group = replace(bench.urgent, documents=exactly(_SMALL), lengths=_short, deadline_s=_FAR)
    trace = backlog(group, 400, bench.seed)
    culprits = set(range(0, 400, 40))
    return bench.play(trace, poison=frozenset((i, _poisonous(i)) for i in culprits), mute=mute, noise=0.0), culprits


def _without(run: Run, culprits: set[int]) -> float:
    """Return the share of culprits that finished without exactly the failing pair."""
    return sum(
        run.outcomes[i].ending is Ending.FINISHED and run.outcomes[i].unscored == (_poisonous(i),) for i in culprits
    ) / len(culprits)


def _poisonous(request: int) -> int:
    """Return the failing pair of a culprit."""
    return request % _SMALL


def _short(_: Generator, count: int) -> np.ndarray:
    return np.full(count, 20)


def _urgent_in_time(bench: Bench, run: Run) -> float:
    return measures.in_time(measures.of(run, bench.urgent.lanes))


def _useful(run: Run, start: float, workers: set[int]) -> float:
    return sum(p.useful_s for b in run.batches if b.start >= start and b.worker in workers for p in b.pieces)


def _of_ending(outcomes: list, how: Ending) -> float:
    return sum(o.ending is how for o in outcomes) / max(1, len(outcomes))


def _others(run: Run, members: set[int]) -> float:
    return measures.in_time([o for i, o in enumerate(run.outcomes) if i not in members])


def _lost(run: Run) -> int:
    return sum(o.ending is Ending.LOST for o in run.outcomes)

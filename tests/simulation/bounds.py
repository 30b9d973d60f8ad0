"""Upper bounds of performance, the denominators of all ratios."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np

from scheduler import CostModel, Job, Policy, Scheduler
from service.bench.bound import Demand, work_in_time
from service.bench.goal import quantile
from tests.simulation.measures import latencies, useful_s
from tests.simulation.simulator import run
from tests.simulation.worker import Cost
from tests.simulation.workload import Group, Request, backlog

_FAR = 1e9


def packing(group: Group, policy: Policy, cost: Cost, batches: int = 1500, seed: int = 0) -> float:
    """Return the useful share of batches made from an endless backlog of one group."""
    scheduler = Scheduler(_unbounded(policy), CostModel(*cost))
    jobs: dict[int, Request] = {}
    left: Counter[int] = Counter()
    pool = backlog(group, 500, seed)
    rng = Random(seed)
    useful = total = now = 0.0
    depth = 60
    for _ in range(batches):
        while len(left) < depth:
            number, request = len(jobs), rng.choice(pool)
            jobs[number] = request
            scheduler.offer(Job(number, request.lane, request.client, request.pair_tokens, _FAR), now)
            left[number] = len(request.pair_tokens)
        for batch in scheduler.poll(now).batches:
            seconds = cost.batch(batch.pairs, batch.length)
            now += seconds
            total += seconds
            useful += sum(cost.useful(jobs[s.job_id].pair_tokens[i]) for s in batch.slices for i in s.pairs)
            for piece in batch.slices:
                left[piece.job_id] -= len(piece.pairs)
                if not left[piece.job_id]:
                    del left[piece.job_id]
            scheduler.finish(batch.id, None)
    return useful / total


def mixed(parts: Sequence[tuple[float, float]], workers: int) -> float:
    """Return the useful seconds per second of a saturated pool that serves kinds of requests in order of urgency.

    `parts` are the demand and the packing of each kind; the last kind fills the remaining time.
    """
    left, found = float(workers), 0.0
    for demand, share in parts:
        taken = min(left, demand / share)
        left -= taken
        found += taken * share
    return found


def fluid(demands: Sequence[float], capacity: float) -> list[float]:
    """Return the service rate of each kind in a fluid model with strict priority and without deadlines."""
    found = []
    for demand in demands:
        found.append(min(demand, capacity))
        capacity -= found[-1]
    return found


def clairvoyant(
    trace: Iterable[Request], capacity: float, cost: Cost, kinds: Sequence[Callable[[Request], bool]]
) -> list[float]:
    """Return the useful seconds in time of each kind of request under the optimal divisible schedule.

    The schedule is clairvoyant, may split and preempt, and prefers any amount of a better kind to any amount of a
    worse one. Sets of pieces that can be done in time form a matroid. So the best k kinds together get as much as they
    would get alone, and earliest deadline first is optimal for them.
    """
    work = [(r, Demand(r.at, r.deadline, useful_s(r.pair_tokens, cost))) for r in trace]
    members = [[w for r, w in work if any(kind(r) for kind in kinds[: last + 1])] for last in range(len(kinds))]
    totals = [work_in_time(best, capacity) for best in members]
    return [total - better for better, total in pairwise([0.0, *totals])]


def served_behind(trace: Sequence[Request], better: Collection[int], capacity: float, cost: Cost) -> float:
    """Return the most useful seconds of other requests in time where those of `better` lanes are served at once.

    Requests that would be late even without each other get nothing; parts of the others count, as in `clairvoyant`.
    Time is that which better lanes leave: in it, the machine is free.
    """
    times, left, debt, now = [0.0], [0.0], 0.0, 0.0
    for request in trace:
        if request.lane in better:
            idle = max(request.at - now - debt / capacity, 0.0)
            times += [request.at - idle, request.at]
            left += [left[-1], left[-1] + idle]
            debt = max(debt - (request.at - now) * capacity, 0.0) + useful_s(request.pair_tokens, cost)
            now = request.at
    end = max(now + debt / capacity, *(request.deadline for request in trace))
    times += [now + debt / capacity, end]
    left += [left[-1], left[-1] + end - times[-2]]
    others = [r for r in trace if r.lane not in better]
    spans = np.interp([(r.at, r.deadline) for r in others], times, left).tolist()
    demands = [
        Demand(at, deadline, useful_s(r.pair_tokens, cost)) for r, (at, deadline) in zip(others, spans, strict=True)
    ]
    return work_in_time([d for d in demands if (d.deadline - d.at) * capacity >= d.work], capacity)


def alone(
    trace: Iterable[Request], policy: Policy, cost: Cost, lanes: Sequence[int], seed: int = 0
) -> tuple[float, list[float]]:
    """Return the p99 and all latencies, in seconds, of the requests in `lanes` on an otherwise idle machine."""
    found = run([r for r in trace if r.lane in lanes], policy, cost, seed=seed)
    times = latencies(found.outcomes)
    return quantile(times, 0.99), times


def _unbounded(policy: Policy) -> Policy:
    return replace(policy, backlog_s=_FAR, jobs_max=10**9)

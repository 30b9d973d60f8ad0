"""Batching policies: the scheduler's, and others to compare it with."""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from scheduler import LANES, CostModel, Job, Policy, Scheduler

Batches = list[list[int]]
"""Indices of the pairs of each batch."""
BatchingPolicy = Callable[[Sequence[int]], Batches]
"""Partitions pairs of these lengths, in tokens, into batches."""

USUAL = 32
"""Default batch size of most libraries."""
_LATER_PAIRS, _LATER_TOKENS = 400, 128
_NEVER_S = 1e9


def arrival(lengths: Sequence[int], size: int) -> Batches:
    """Return batches of `size` pairs in order of arrival."""
    return [list(range(start, min(start + size, len(lengths)))) for start in range(0, len(lengths), size)]


def budget(lengths: Sequence[int], tokens: int) -> Batches:
    """Return batches of at most `tokens` tokens, with padding, sorted by descending length."""
    batches: Batches = []
    room = 0
    for pair in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not room:
            batches.append([])
            room = max(1, tokens // lengths[pair])
        batches[-1].append(pair)
        room -= 1
    return batches


def scheduled(lengths: Sequence[int], policy: Policy, cost: CostModel) -> Batches:
    """Return the batches of the scheduler in order of dispatch, while less urgent work waits. Raises ValueError."""
    scheduler = Scheduler(policy, cost)
    later = (_LATER_TOKENS,) * _LATER_PAIRS
    jobs = (Job(0, 0, "bench", tuple(lengths), _NEVER_S), Job(1, LANES - 1, "bench", later, _NEVER_S))
    if any(scheduler.offer(job, 0.0) for job in jobs):
        raise ValueError("more than the scheduler takes at once")
    batches: Batches = []
    running: list[tuple[float, int]] = []
    now, left = 0.0, len(lengths)
    while left:
        for batch in scheduler.poll(now).batches:
            heappush(running, (now + batch.work, batch.id))
            batches.append([pair for piece in batch.slices if piece.job_id == 0 for pair in piece.pairs])
            left -= len(batches[-1])
        now, done = heappop(running)
        scheduler.finish(done, None)
    return [pairs for pairs in batches if pairs]


def scheduled_by(policy: Policy, cost: CostModel) -> BatchingPolicy:
    """Return the batching policy of a scheduler with this policy and cost model."""
    return lambda lengths: scheduled(lengths, policy, cost)

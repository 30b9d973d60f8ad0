"""Ways to cut pairs of known length into batches."""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from scheduler import LANES, CostModel, Job, Policy, Scheduler

Cuts = list[list[int]]
"""Batches, as positions of pairs."""
Cutter = Callable[[Sequence[int]], Cuts]
"""Cuts pairs of these lengths, each into one batch."""

USUAL = 32
"""Documents of a batch in the examples of every library."""
_LATER_PAIRS, _LATER_TOKENS = 400, 128
_NEVER_S = 1e9


def arrival(lengths: Sequence[int], size: int) -> Cuts:
    """Cut into batches of `size` pairs, as they come."""
    return [list(range(start, min(start + size, len(lengths)))) for start in range(0, len(lengths), size)]


def budget(lengths: Sequence[int], tokens: int) -> Cuts:
    """Cut by length, the longest first, into batches of at most so many tokens, padding included."""
    cuts: Cuts = []
    room = 0
    for pair in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not room:
            cuts.append([])
            room = max(1, tokens // lengths[pair])
        cuts[-1].append(pair)
        room -= 1
    return cuts


def scheduled(lengths: Sequence[int], policy: Policy, cost: CostModel) -> Cuts:
    """Cut as the scheduler does, in the order it begins, while less urgent work waits behind."""
    scheduler = Scheduler(policy, cost)
    later = (_LATER_TOKENS,) * _LATER_PAIRS
    jobs = (Job(0, 0, "bench", tuple(lengths), _NEVER_S), Job(1, LANES - 1, "bench", later, _NEVER_S))
    if any(scheduler.offer(job, 0.0) for job in jobs):
        raise ValueError("more than the scheduler takes at once")
    cuts: Cuts = []
    running: list[tuple[float, int]] = []
    now, left = 0.0, len(lengths)
    while left:
        for batch in scheduler.poll(now).batches:
            heappush(running, (now + batch.work, batch.id))
            cuts.append([pair for piece in batch.slices if piece.job_id == 0 for pair in piece.pairs])
            left -= len(cuts[-1])
        now, done = heappop(running)
        scheduler.finish(done, None)
    return [cut for cut in cuts if cut]


def scheduled_by(policy: Policy, cost: CostModel) -> Cutter:
    """Return the cutter that cuts as a scheduler with this policy and cost model does."""
    return lambda lengths: scheduled(lengths, policy, cost)

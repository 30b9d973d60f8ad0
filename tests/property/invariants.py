"""Invariants of the scheduler: each function asserts one against the books of the oracle."""

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

from scheduler import Batch, Drop, Job, Reason, Refusal
from tests.property.amounts import amount_of, summed

if TYPE_CHECKING:
    from tests.property.oracle import Oracle
    from tests.property.tracked import Tracked

EPSILON = 1e-6


def nothing_is_lost(oracle: "Oracle") -> None:
    """Assert that each admitted job, with its pairs, is finished, dropped, cancelled or live, in every lane."""
    lane = oracle.last_lane
    assert oracle.admitted[lane] == sum(oracle.ended[lane].values()) + oracle.live_in[lane]
    load = oracle.scheduler.load(oracle.now)
    assert load.jobs == len(oracle.live)
    assert load.workers_busy == len(oracle.running)
    waiting = sum(len(job.waiting) for job in oracle.live.values())
    assert load.pairs_waiting == waiting
    assert set(oracle.scheduler._jobs) == set(oracle.live)
    accounted = waiting + oracle.pairs_dispatched + oracle.pairs_taken_back
    assert oracle.pairs_admitted == accounted


def the_ledger_is_the_sum(oracle: "Oracle") -> None:
    """Assert that the ledger equals the waiting work of the live jobs, is never negative, and is zero without jobs."""
    ledger = oracle.scheduler._lanes.ledger
    assert all(min(amounts) >= 0 for amounts in oracle.waiting_in.values())
    assert list(ledger.total.numbers) == oracle.waiting_amount()
    assert list(ledger.through(oracle.last_lane).numbers) == oracle.waiting_amount(oracle.last_lane)
    assert abs(oracle.scheduler.load(oracle.now).backlog_s * oracle.policy.workers - oracle.work()) < EPSILON


def no_pair_is_dispatched_twice(oracle: "Oracle", batch: Batch) -> None:
    """Assert that each dispatched pair belongs to its job, and is dispatched at most once."""
    for piece in batch.slices:
        assert piece.pairs
        assert len(set(piece.pairs)) == len(piece.pairs)
        assert set(piece.pairs) <= oracle.live[piece.job_id].waiting


def nothing_ended_is_dispatched(oracle: "Oracle", batch: Batch) -> None:
    """Assert that no pair of a job that ended, was cancelled, or has expired is in a later batch."""
    for piece in batch.slices:
        assert piece.job_id in oracle.live
        assert oracle.live[piece.job_id].job.deadline > oracle.now


def nothing_doomed_is_dispatched(oracle: "Oracle", batch: Batch) -> None:
    """Assert that no job starts that all workers together could not finish in time."""
    for piece in batch.slices:
        tracked = oracle.live[piece.job_id]
        if len(tracked.waiting) == len(tracked.job.pair_tokens):
            need = oracle.seconds(tracked.amount) / min(oracle.policy.workers, len(tracked.waiting))
            assert oracle.now + need <= tracked.job.deadline + EPSILON


def heads_in_order(oracle: "Oracle", batch: Batch) -> None:
    """Assert that a batch starts with the longest pairs of a job whose turn may have come.

    No client that had its share while others wait fills it.
    """
    oracle.order.head(batch, oracle.live)
    oracle.order.fill(batch, oracle.live)
    head = oracle.live[batch.slices[0].job_id]
    taken = set(batch.slices[0].pairs)
    lengths = head.job.pair_tokens
    longest_left = max((lengths[i] for i in head.waiting - taken), default=0)
    assert min(lengths[i] for i in taken) >= longest_left


def urgent_work_waits_for_running_batches_only(oracle: "Oracle") -> None:
    """Assert that a job waits for batches of worse lanes that run when it comes, and those of a share, only."""
    newest = [(r.batch.id, r.lane) for r in oracle.running.values() if not r.aside]
    for tracked in oracle.live.values():
        if tracked.waiting:
            for batch_id, lane in newest:
                assert lane <= tracked.job.lane or batch_id <= tracked.batches_before


def a_batch_is_short(oracle: "Oracle", batch: Batch) -> None:
    """Assert that a batch is padded to its longest pair, and has one pair or a predicted time within the cap."""
    lengths = [oracle.live[p.job_id].job.pair_tokens[i] for p in batch.slices for i in p.pairs]
    assert batch.length == max(lengths)
    assert batch.work == oracle.costs[batch.model].batch(len(lengths), batch.length)
    assert batch.work <= oracle.policy.batch_s + EPSILON or len(lengths) == 1


def a_batch_is_of_one_model(oracle: "Oracle", batch: Batch) -> None:
    """Assert that all pairs of a batch are for the model of the batch."""
    assert {oracle.live[p.job_id].job.model for p in batch.slices} == {batch.model}


def express_batches_take_nothing_along(oracle: "Oracle", batch: Batch) -> None:
    """Assert that a batch of an express lane holds no pair of a slower lane, unless launches are expensive."""
    express = oracle.policy.express_lanes
    lanes = [oracle.live[p.job_id].job.lane for p in batch.slices]
    if lanes[0] < express and oracle.costs[batch.model].launch_s < 0.2 * oracle.policy.batch_s:
        assert max(lanes) < express


def refused_for_room_only_without_worse_work(oracle: "Oracle", job: Job, refusal: Refusal) -> None:
    """Assert that a job without a deadline is refused only if its name or its client exceeds its share of a bound.

    Where lanes are strict, it is admitted all the same if it can displace worse work.
    """
    if refusal.reason is not Reason.SHED or job.deadline < oracle.now + 1e5:
        return
    worse = [t for t in oracle.live.values() if t.waiting and t.job.lane > job.lane]
    total = oracle.work()
    through = total - oracle.seconds(oracle.waiting_amount()) + oracle.seconds(oracle.waiting_amount(job.lane))
    mates = [t for t in oracle.live.values() if (t.job.lane, t.job.client) == (job.lane, job.client)]
    client = oracle.seconds(summed(*(t.amount for t in mates)))
    name = oracle.seconds(summed(*(t.amount for t in mates if t.job.name == job.name)))
    standing = 0 if oracle.company.alone else max(name, client / 2)
    full = standing >= oracle.policy.backlog_work - through + surplus(oracle, job) - EPSILON
    swap = oracle.policy.is_strict and oracle.seconds(amount_of(job)) <= total - through - EPSILON
    assert (full and not swap) or (len(oracle.live) >= oracle.policy.jobs_max and not worse)
    assert refusal.retry_after_s is not None


def of(job: Job) -> tuple[str, str]:
    """Return the client and the name of a job."""
    return job.client, job.name


def surplus(oracle: "Oracle", job: Job, gone: Sequence["Tracked"] = ()) -> float:
    """Return the work in the lane of a job that another, which was alone, has beyond half of what others leave."""
    if oracle.company.lone in {None, of(job)}:
        return 0
    lane = [t for t in oracle.live.values() if t.job.lane == job.lane and of(t.job) == oracle.company.lone]
    standing = oracle.seconds(summed([0] * 4, *(t.amount for t in lane if t not in gone)))
    left = [t.amount for t in oracle.live.values() if t.job.lane <= job.lane and t not in gone]
    others = oracle.seconds(summed([0] * 4, *left)) + oracle.running_work() - standing
    return max(standing - max(oracle.policy.backlog_work - others, 0) / 2, 0)


def advice_is_usable(_: "Oracle", advice: Refusal | Drop) -> None:
    """Assert that advice is 0.05 to 59 s, and is given only if a retry can succeed."""
    if advice.retry_after_s is not None:
        assert advice.reason in {Reason.SHED, Reason.DISPLACED}
        assert 0.05 <= advice.retry_after_s <= 59


def displaced_from_the_worst(oracle: "Oracle", job: Job, victims: Sequence["Tracked"]) -> None:
    """Assert that displacement starts in the worst lane: least progressed first, then newest.

    In the newcomer's own lane only a name that was alone loses what it has beyond its share, the newest first.
    """
    left = {t.job.id: t for t in oracle.live.values() if t.waiting}
    for victim in victims:
        assert victim.job.lane == max(t.job.lane for t in left.values() if t.job.lane > job.lane or t is victim)
        if victim.job.lane == job.lane:
            own = [t for t in left.values() if t.job.lane == job.lane and of(t.job) == oracle.company.lone]
            gone = [t for t in victims if t.job.id not in left]
            assert of(job) != oracle.company.lone
            assert victim is max(own, key=lambda t: t.serial)
            assert surplus(oracle, job, gone) > 0
            del left[victim.job.id]
            continue
        rivals = [t for t in left.values() if t.job.lane == victim.job.lane]
        assert victim is max(rivals, key=lambda t: (t.waiting_share, t.serial))
        del left[victim.job.id]


def displaced_only_for_need(oracle: "Oracle", job: Job, victims: Sequence["Tracked"]) -> None:
    """Assert that a job is displaced only if the others, with the newcomer, fill a bound without it."""
    jobs = len(oracle.live)
    amount = summed(oracle.waiting_amount(), amount_of(job))
    for victim in victims:
        amount = summed(amount, [-number for number in victim.amount])
        others = oracle.seconds(amount) + oracle.running_work()
        assert others >= oracle.policy.backlog_work - EPSILON or jobs >= oracle.policy.jobs_max
        jobs -= 1


def no_worker_idles(oracle: "Oracle") -> None:
    """Assert that after a poll a worker is free only if no work waits."""
    assert len(oracle.running) == oracle.policy.workers or not oracle.waiting_in


def the_backlog_is_bounded(oracle: "Oracle") -> None:
    """Assert that the backlog exceeds its bound by at most one job, apart from the cost of splitting into batches."""
    if not oracle.steady:
        return  # A learning cost model may raise the price of admitted work.
    running_s = sum(running.batch.work for running in oracle.running.values())
    assert oracle.work() <= oracle.policy.backlog_work + oracle.largest + running_s + EPSILON


def an_idle_machine_takes_anything(oracle: "Oracle", job: Job, refusal: Refusal | None) -> None:
    """Assert that an idle scheduler admits any job of legal size whose deadline it can meet."""
    idle = not oracle.live and oracle.running_work() == 0 and not oracle.closed
    if idle and len(job.pair_tokens) <= oracle.policy.pairs_max and job.deadline > oracle.now + 1e5:
        assert refusal is None


def memory_is_bounded(oracle: "Oracle") -> None:
    """Assert that the memory of the scheduler is proportional to its live jobs."""
    scheduler, live = oracle.scheduler, len(oracle.live)
    assert live <= oracle.policy.jobs_max
    assert len(scheduler._alarms) == live
    assert len(scheduler._alarms._entries) <= 2 * oracle.most_live + 20
    queues = scheduler._lanes._queues
    assert set(queues) == set(oracle.waiting_in)
    assert sum(map(len, queues.values())) == sum(bool(t.waiting) for t in oracle.live.values())


def the_alarm_is_in_time(oracle: "Oracle", wake_at: float | None) -> None:
    """Assert that the next poll is due by the earliest deadline of a live job, and none is due without jobs."""
    earliest = min((t.job.deadline for t in oracle.live.values()), default=inf)
    assert (wake_at is None) == (not oracle.live and not oracle.running)
    assert wake_at is None or wake_at <= earliest


def no_job_outlives_its_deadline(oracle: "Oracle") -> None:
    """Assert that after a poll no live job is past its deadline."""
    assert all(t.job.deadline > oracle.now for t in oracle.live.values())

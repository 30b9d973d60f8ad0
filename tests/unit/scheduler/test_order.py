"""The scheduler as a whole serves lanes, clients, deadlines and started work in their order."""

import random

import pytest

from scheduler import Job, Policy
from tests.fakes import FixedCost
from tests.unit.scheduler.simulated_machine import FAR, Machine, a_job, a_mixed_job


def _lanes_of(machine: Machine, lanes: dict[int, int]) -> list[int]:
    return [lanes[batch.slices[0].job_id] for _, batch in machine.started]


def test_lone_job():
    """A lone job starts at once, and takes at most two launches more than it would in one piece."""
    machine = Machine()
    job = a_job(5)
    machine.offer(job)
    machine.run()
    assert machine.started[0][0] == 0
    assert machine.finished[job.id] <= 0.006 + 0.002


def test_strict_lanes():
    """However they arrived, jobs are finished lane by lane."""
    machine = Machine(Policy(workers=1, jobs_max=2_000))
    machine.offer(a_job(1, lane=0))  # Keeps the worker busy while the others arrive.
    jobs = [a_job(49, lane=lane) for lane in (999, 500, 100, 50, 750, 0)]
    machine.offer(*jobs)
    machine.run()
    by_lane = [job.id for job in sorted(jobs, key=lambda job: job.lane)]
    assert machine.order()[1:] == by_lane


def test_a_thousand_lanes():
    """One job in each lane, arriving worst first, is finished best first."""
    machine = Machine()
    machine.offer(a_job(49, lane=0))
    jobs = [a_mixed_job(100 + 200 * (lane % 2), lane=lane) for lane in reversed(range(1_000))]
    machine.offer(*jobs)
    machine.run()
    lanes = {job.id: job.lane for job in jobs}
    heads = _lanes_of(machine, lanes | {machine.order()[0]: 0})
    assert heads == sorted(heads)


@pytest.mark.parametrize("at", [0.0, 0.001, 0.01, 0.049, 0.33, 0.6])
def test_urgent_behind_bulk(at: float):
    """A job of 1,000 pairs in lane 900 delays one of 5 pairs in lane 0 by at most one batch."""
    machine = Machine()
    bulk, urgent = a_job(1_000, lane=900), a_job(5, lane=0)
    machine.offer(bulk)
    machine.run(until=at)
    machine.offer(urgent)
    machine.run()
    assert machine.finished[urgent.id] - at <= 0.05 + 0.006 + 1e-9
    assert machine.order() == [urgent.id, bulk.id]


def test_bulk_behind_urgent():
    """The bulk job is delayed by the urgent one's batch, and no more."""
    alone, disturbed = Machine(), Machine()
    bulk = a_job(1_000, lane=900)
    for machine in (alone, disturbed):
        machine.offer(bulk)
    disturbed.offer(a_job(5, lane=0))
    for machine in (alone, disturbed):
        machine.run()
    assert disturbed.finished[bulk.id] - alone.finished[bulk.id] <= 0.006 + 1e-9


def test_all_workers():
    """A lone job keeps all workers busy, and they end nearly together."""
    machine = Machine(Policy(workers=4))
    job = a_job(400)
    machine.offer(job)
    assert len(machine.started) == 4
    machine.run()
    assert machine.finished[job.id] < 1.15 * 0.4 / 4


def test_as_many_batches_as_workers():
    """No more batches are on the way than there are workers."""
    machine = Machine(Policy(workers=3))
    machine.offer(a_job(1_000), a_job(1_000))
    assert len(machine.started) == machine.scheduler.load(0.0).workers_busy == 3


def _widest_gap(machine: Machine, jobs: list[Job]) -> float:
    """Serve jobs of clients "few" and "many"; return by how many seconds of work they were ever apart.

    Counts while both have work waiting. `many` arrived first.
    """
    own = {job.id: job for job in jobs}
    machine.offer(*jobs)
    served, waiting = {"few": 0.0, "many": 0.0}, {"few": 0, "many": 0}
    for job in jobs:
        waiting[job.client] += len(job.pair_tokens)
    widest = 0.0
    machine.run()
    for _, batch in machine.started:
        launch_s = FixedCost().launch_s  # Paid by the head.
        for piece in batch.slices:
            client = own[piece.job_id].client
            served[client] += launch_s + len(piece.pairs) * FixedCost().pair(batch.length)
            waiting[client] -= len(piece.pairs)
            launch_s = 0.0
        if not all(waiting.values()):
            break
        widest = max(widest, abs(served["few"] - served["many"]))
    assert min(served.values()) > 0.5
    return widest


def test_fair_turns():
    """Clients offering 20:1 are served alike while both have work, within a batch of each other."""
    jobs = [a_job(1_000, lane=500, client="many") for _ in range(20)]
    jobs += [a_job(100, lane=500, client="few") for _ in range(10)]
    assert _widest_gap(Machine(Policy(workers=1, backlog_s=1_000.0)), jobs) <= 0.05 + 1e-9


def test_fair_turns_while_filling():
    """Taking pairs along to fill batches brings no client further ahead than that either."""
    rng = random.Random(1)

    def lengths(pairs: int) -> list[int]:
        return [min(512, max(8, int(rng.lognormvariate(4.7, 0.6)))) for _ in range(pairs)]

    jobs = [a_mixed_job(*lengths(1_000), lane=500, client="many") for _ in range(20)]
    jobs += [a_mixed_job(*lengths(200), lane=500, client="few") for _ in range(10)]
    assert _widest_gap(Machine(Policy(workers=1, backlog_s=1_000.0)), jobs) <= 0.05 + 1e-9


def test_client_is_not_served_by_arrival():
    """Inside a client, the more urgent deadline goes first."""
    machine = Machine(Policy(workers=1, look_ahead=0))
    machine.offer(a_job(1))
    later, sooner = a_job(40, deadline=9.0), a_job(40, deadline=5.0)
    machine.offer(later, sooner)
    machine.run()
    assert machine.order()[1:] == [sooner.id, later.id]


@pytest.mark.parametrize("share", [0.05, 0.02])
def test_guaranteed_share(share: float):
    """The guaranteed share of all batches, counted, goes to what has waited longest; the rest is strict."""
    machine = Machine(Policy(workers=1, backlog_s=1_000.0, guaranteed_share=share))
    starved, urgent = a_job(2_000, lane=900), a_job(9_000, lane=0)
    machine.offer(starved, urgent)
    machine.run(until=7.0)
    heads = [batch.slices[0].job_id for _, batch in machine.started[1:]]
    assert heads.count(starved.id) == pytest.approx(share * len(heads), abs=1)
    assert heads.count(urgent.id) == len(heads) - heads.count(starved.id)


@pytest.mark.parametrize("share", [0.5, 0.75])
def test_client_share(share: float):
    """A client that fills the best lane gets its share of the work, and the other one the rest, in whatever lane."""
    machine = Machine(Policy(workers=1, backlog_s=1_000.0, client_share=share))
    flood, other = a_job(9_000, client="flood"), a_job(9_000, lane=900, client="other")
    machine.offer(flood, other)
    machine.run(until=7.0)
    heads = [batch.slices[0].job_id for _, batch in machine.started[1:]]
    assert heads.count(flood.id) == pytest.approx(share * len(heads), abs=2)
    assert heads.count(other.id) == len(heads) - heads.count(flood.id)


def test_client_share_of_long_pairs():
    """A client whose single pairs outlast a batch gets no more than its share either, beside short ones."""
    machine = Machine(Policy(workers=1, backlog_s=1_000.0, client_share=0.5))
    flood, other = a_job(500, tokens=30_000, client="flood"), a_job(9_000, lane=900, client="other")
    machine.offer(flood, other)
    machine.run(until=10.0)
    work = {flood.id: 0.0, other.id: 0.0}
    for _, batch in machine.started:
        work[batch.slices[0].job_id] += batch.work
    assert work[flood.id] == pytest.approx(work[other.id], abs=3 * machine.started[0][1].work)


def test_client_share_of_a_lone_client():
    """A client that nobody waits beside takes all, and its lanes are strict."""
    machine = Machine(Policy(workers=1, backlog_s=1_000.0, client_share=0.5))
    bulk, urgent = a_job(200, lane=900), a_job(100, lane=0)
    machine.offer(bulk, urgent)
    machine.run()
    assert machine.order() == [urgent.id, bulk.id]
    assert machine.now == pytest.approx(0.3, rel=0.1)


def test_client_share_once_the_others_left():
    """As soon as nobody waits beside a client that had more than its share, its batches are full, best lane first."""
    machine = Machine(Policy(workers=1, backlog_s=1_000.0, client_share=0.5))
    long, other = a_job(tokens=30_000, client="many"), a_job(client="other", lane=900)
    short = [a_job(client="many", lane=lane) for lane in (301, 300) for _ in range(250)]
    machine.offer(a_job(client="first"), other, long, *short)
    machine.run(until=0.1)
    machine.scheduler.cancel(other.id)
    machine.run()
    assert [machine.started[n][1].slices[0].job_id for n in (1, 2)] == [long.id, short[250].id]
    assert {len(batch.slices) for _, batch in machine.started[2:-1]} == {machine.policy.look_ahead + 1}


def test_guaranteed_share_of_each_client():
    """A client that keeps ancient jobs waiting has its turns of the guaranteed share, and no more."""
    machine = Machine(Policy(workers=1, backlog_s=1_000.0, guaranteed_share=0.05))
    ancient, flood = a_job(2_000, lane=900, client="flood"), a_job(9_000, client="flood")
    other = a_job(2_000, lane=1, client="other")
    machine.offer(ancient, flood, other)
    machine.run(until=7.0)
    heads = [batch.slices[0].job_id for _, batch in machine.started[1:]]
    assert heads.count(other.id) == pytest.approx(0.025 * len(heads), abs=1)
    assert heads.count(ancient.id) == pytest.approx(0.025 * len(heads), abs=1)


@pytest.mark.parametrize(("guaranteed", "most"), [(0.0, 1.0), (0.05, 1.0), (0.0, 0.5)])
def test_flood_of_the_best_lane(guaranteed: float, most: float):
    """Beside a client that floods lane 0, the slower lanes of others are served in time with either share."""
    machine = Machine(Policy(workers=1, guaranteed_share=guaranteed, client_share=most))
    calls = []
    for moment in range(1_200):  # A minute, at twice what the machine can do.
        machine.run(until=moment / 20)
        machine.offer(a_job(100, client="flood", name=f"{moment}", deadline=machine.now + 8))
        if moment > 100 and moment % 200 == 0:
            calls += [a_job(10, lane=lane, client=f"other {lane}", deadline=machine.now + 8) for lane in (1, 300, 900)]
            machine.offer(*calls[-3:])
    machine.run()
    in_time = sum(machine.finished.get(call.id, FAR) <= call.deadline for call in calls)
    assert in_time == (len(calls) if guaranteed or most < 1 else 0)

"""Each event changes the state of the scheduler at once, and `poll` reports every consequence once.

At the fixed cost, a launch is 1 ms and a pair of 100 tokens another one.
"""

import pytest

from scheduler import Amount, Policy, Reason, Refusal, Scheduler, Step
from tests.fakes import FixedCost
from tests.unit.scheduler.simulated_machine import FAR, Machine, a_job


def test_oversized():
    """A job of too many pairs is refused without advice."""
    machine = Machine(Policy(workers=1, pairs_max=10))
    assert machine.offer(a_job(11)) == Refusal(Reason.OVERSIZED)
    assert machine.scheduler.load(0.0).jobs == 0


def test_draining():
    """A closed scheduler admits nobody, and finishes what it has."""
    machine = Machine()
    before, after = a_job(100), a_job(1)
    machine.offer(before)
    machine.scheduler.close()
    assert machine.offer(after) == Refusal(Reason.DRAINING)
    machine.run()
    assert machine.order() == [before.id]


def test_gate_changes_nothing():
    """Asking at the gate tells what an offer would bring, and admits nobody."""
    scheduler = Scheduler(Policy(workers=1, pairs_max=10), FixedCost())
    assert scheduler.gate(0, "", Amount((1, 10, 1_000, 0)), FAR, 0.0) is None
    assert scheduler.gate(0, "", Amount((1, 11, 1_100, 0)), FAR, 0.0) == Refusal(Reason.OVERSIZED)
    scheduler.close()
    assert scheduler.gate(0, "", Amount((1, 10, 1_000, 0)), FAR, 0.0) == Refusal(Reason.DRAINING)
    assert scheduler.load(0.0).jobs == 0


def test_displacement():
    """A more urgent job takes the room of the worst one, who is told so once, with advice."""
    machine = Machine(Policy(workers=1, backlog_s=1.0))
    machine.offer(a_job(49, lane=0))
    worst, worse = a_job(400, lane=900), a_job(400, lane=800)
    machine.offer(worst, worse)
    machine.offer(a_job(700, lane=0))
    assert machine.dropped == {worst.id: (Reason.DISPLACED, 0.0)}
    assert 0.05 <= (machine.advice[worst.id] or 0) <= 59


def test_displaced_while_running():
    """A displaced job gets no further pairs dispatched, and what is on a worker runs to no effect."""
    machine = Machine(Policy(workers=1, backlog_s=1.0))
    victim, urgent = a_job(900, lane=900), a_job(1_100, lane=0)
    machine.offer(victim, urgent)
    assert victim.id in machine.dropped
    machine.run()
    assert machine.order() == [urgent.id]
    assert sum(piece.job_id == victim.id for _, batch in machine.started for piece in batch.slices) == 1


def test_larger_than_the_bound():
    """An idle machine serves a job larger than the backlog bound."""
    machine = Machine(Policy(workers=1, backlog_s=0.1))
    job = a_job(1_000)
    assert machine.offer(job) is None
    machine.run()
    assert machine.order() == [job.id]


def test_expiry_by_alarm():
    """A job whose last pair is still on a worker at its deadline expires then, not later."""
    machine = Machine()
    job = a_job(1, deadline=0.01)
    machine.offer(job)
    assert machine.wake_at == 0.01
    step = machine.scheduler.poll(0.01)
    assert [(d.job_id, d.reason, d.retry_after_s) for d in step.drops] == [(job.id, Reason.EXPIRED, None)]
    assert machine.scheduler.load(0.01).jobs == 0


def test_doomed():
    """A job that can no longer be finished in time is shed as soon as that is so, with advice."""
    machine = Machine()
    doomed = a_job(50, lane=500, deadline=1.0)
    machine.offer(a_job(1, 1_000, lane=0), doomed)
    machine.offer(*(a_job(100, lane=0) for _ in range(20)))
    machine.run()
    reason, when = machine.dropped[doomed.id]
    assert reason is Reason.SHED
    assert when == pytest.approx(1.0 - 0.051, abs=0.002)
    assert machine.advice[doomed.id] is not None
    assert all(piece.job_id != doomed.id for _, batch in machine.started for piece in batch.slices)


def test_nothing_expired_is_started():
    """After a long stall, what expired meanwhile is dropped, not started."""
    machine = Machine()
    blocker, stale = a_job(1), a_job(10, deadline=1.0)
    machine.offer(blocker, stale)
    machine.scheduler.finish(machine.started[0][1].id, 0.002)
    step = machine.scheduler.poll(1.0)
    assert step.batches == ()
    assert [(d.job_id, d.reason) for d in step.drops] == [(stale.id, Reason.EXPIRED)]


def test_alarm_follows_the_model():
    """A job thought doomed by a model that has since learned better is kept."""
    cost = FixedCost()
    machine = Machine(cost=cost)
    machine.offer(a_job(1, 10_000), a_job(500, lane=1, deadline=1.0))
    cost.token_s /= 5
    step = machine.scheduler.poll(0.6)
    assert step.drops == ()
    drops = [drop for tick in range(61, 100) for drop in machine.scheduler.poll(tick / 100).drops]
    assert [drop.reason for drop in drops] == [Reason.SHED]


def test_no_doomed_job_is_started():
    """A job that the model has since learned to be hopeless is shed when its turn comes, before its alarm."""
    cost = FixedCost()
    machine = Machine(cost=cost)
    blocker, doomed = a_job(1), a_job(100, lane=1, deadline=1.0)
    machine.offer(blocker, doomed)
    cost.token_s *= 5
    machine.scheduler.finish(machine.started[0][1].id, None)
    step = machine.scheduler.poll(0.6)
    assert step.batches == ()
    assert [(drop.job_id, drop.reason) for drop in step.drops] == [(doomed.id, Reason.SHED)]


def test_no_doomed_job_is_taken_along():
    """A job that the model has since learned to be hopeless is not even used to fill a batch."""
    cost = FixedCost()
    machine = Machine(cost=cost)
    head, doomed = a_job(2, lane=500), a_job(20, lane=501, deadline=0.15)
    machine.offer(a_job(1, 5_000), head, doomed)
    machine.scheduler.finish(machine.started[0][1].id, None)
    cost.token_s *= 10  # The machine has slowed down: 20 pairs take 0.2 s now.
    machine.now = 0.051
    machine.poll()
    assert {piece.job_id for piece in machine.started[1][1].slices} == {head.id}


def test_no_slack():
    """A job without any slack is refused or started, but not admitted and dropped in the same instant."""
    machine = Machine()
    refusal = machine.offer(a_job(1, deadline=FixedCost().waiting(1, 100, 0, 0.05)))
    assert refusal or machine.started
    assert machine.dropped == {}


def test_cancel_waiting():
    """A cancelled job is neither started nor reported."""
    machine = Machine()
    first, gone, next_ = a_job(49), a_job(49), a_job(49)
    machine.offer(first, gone, next_)
    machine.scheduler.cancel(gone.id)
    machine.run()
    assert machine.order() == [first.id, next_.id]
    assert machine.dropped == {}


def test_cancel_running():
    """A job cancelled while on a worker starts nothing more, and its batch ends as usual."""
    machine = Machine()
    job = a_job(1_000)
    machine.offer(job)
    machine.scheduler.cancel(job.id)
    assert machine.scheduler.load(0.0).jobs == 0
    machine.run()
    assert len(machine.started) == 1
    assert machine.scheduler.load(machine.now).workers_busy == 0


def test_cancel_unknown():
    """Cancelling what was never there, or has ended, changes nothing."""
    machine = Machine()
    job = a_job()
    machine.offer(job)
    machine.run()
    for job_id in (job.id, -1):
        machine.scheduler.cancel(job_id)
    machine.poll()
    assert machine.dropped == {}


def test_finish_unknown():
    """A batch that comes back twice, or never was, frees no worker and teaches nothing."""
    cost = FixedCost()
    machine = Machine(cost=cost)
    machine.offer(a_job(1_000))
    first = machine.started[0][1]
    machine.scheduler.finish(first.id, 0.05)
    machine.poll()
    machine.scheduler.finish(first.id, 0.05)
    machine.scheduler.finish(-1, 0.05)
    machine.poll()
    assert len(machine.started) == 2
    assert len(cost.samples) == 1


def test_learning():
    """A batch that came back teaches the cost model; one after an error does not."""
    cost = FixedCost()
    scheduler = Scheduler(Policy(workers=2), cost)
    scheduler.offer(a_job(200, lane=900), 0.0)
    one, other = scheduler.poll(0.0).batches
    scheduler.finish(one.id, 0.033)
    scheduler.finish(other.id, None)
    assert [tuple(sample) for sample in cost.samples] == [(one.pairs, one.length, 0.033)]


def test_live_until_the_last_batch():
    """A job counts until the last of its batches is back, in whatever order they come."""
    scheduler = Scheduler(Policy(workers=2), FixedCost())
    scheduler.offer(a_job(8), 0.0)
    one, other = scheduler.poll(0.0).batches
    scheduler.finish(other.id, 0.005)
    assert scheduler.load(0.0).jobs == 1
    scheduler.finish(one.id, 0.005)
    assert scheduler.load(0.0).jobs == 0


def test_failed_batch_frees_its_worker():
    """After an error the worker gets the next batch."""
    machine = Machine()
    machine.offer(a_job(1_000))
    machine.scheduler.finish(machine.started[0][1].id, None)
    machine.poll()
    assert len(machine.started) == 2


def test_late_result():
    """The result of a batch whose jobs are all gone is of no consequence but to free the worker."""
    machine = Machine()
    job = a_job(1, deadline=0.01)
    machine.offer(job)
    batch = machine.started[0][1]
    machine.scheduler.poll(0.01)
    machine.scheduler.finish(batch.id, 0.02)
    assert machine.scheduler.poll(0.02) == Step((), (), None)
    assert machine.scheduler.load(0.02)[:3] == (0, 0, 0)


def test_drops_are_reported_once():
    """Each drop is in one step only."""
    machine = Machine()
    machine.offer(a_job(1, deadline=0.01))
    assert len(machine.scheduler.poll(0.02).drops) == 1
    assert machine.scheduler.poll(0.02).drops == ()


def test_load():
    """The snapshot counts jobs, pairs, workers and the backlog in seconds of the whole pool."""
    machine = Machine(Policy(workers=2, backlog_s=10.0, batch_s=0.05))
    machine.offer(a_job(1_000, lane=300), a_job(1_000, lane=400))
    load = machine.scheduler.load(0.0)
    assert (load.jobs, load.pairs_waiting, load.workers_busy) == (2, 1902, 2)
    assert load.backlog_s == pytest.approx(2_000 * 0.05 / 49 / 2, rel=0.01)
    assert load.pressure == pytest.approx(load.backlog_s / 10)


def test_load_counts_down_running_work():
    """Work on a worker counts for what is predicted to be left of it, never less than nothing."""
    machine = Machine()
    machine.offer(a_job(4))
    assert [round(machine.scheduler.load(t).backlog_s, 6) for t in (0.0, 0.004, 0.02)] == [0.005, 0.001, 0]


def test_idle_load():
    """Without jobs, everything is zero."""
    assert Scheduler(Policy(workers=1), FixedCost()).load(0.0) == (0, 0, 0, 0, 0)


def test_wakes_for_the_first_alarm():
    """The next alarm is the earliest of all jobs' and of the next look at what runs; there is none without jobs."""
    machine = Machine()
    gone = a_job(1, deadline=1.045)
    machine.offer(a_job(1, 60_000, deadline=3.0), gone, a_job(1, deadline=4.0))
    for tick in range(21):
        step = machine.scheduler.poll(tick / 20)
    assert step.wake_at == pytest.approx(1.045 - 0.002, abs=1e-3)
    machine.scheduler.cancel(gone.id)
    assert machine.scheduler.poll(1.0).wake_at == pytest.approx(1.05)
    machine.run()
    assert machine.wake_at is None


def test_a_hanging_batch_is_reported_and_teaches():
    """A batch far beyond its prediction is reported; that it takes at least so long is learned."""
    cost = FixedCost()
    machine = Machine(cost=cost)
    machine.offer(a_job(49))  # 50 ms, and 300 of patience.
    batch = machine.started[0][1]
    steps = [machine.scheduler.poll(tick / 100) for tick in range(31)]
    assert not any(step.overdue for step in steps[:30])
    assert steps[30].overdue == (batch.id,)
    (learned,) = cost.samples
    assert (learned.pairs, learned.length) == (49, batch.length)
    assert learned.seconds == pytest.approx(0.3)

"""Tests of batches sent shortly before a worker is free: at the fixed cost, a pair of 100 tokens takes 1 ms."""

import pytest

from scheduler import Policy
from tests.unit.scheduler.machine import Machine, a_job

EARLY = Policy(workers=1, early_s=0.004)


def test_sent_before_the_worker_is_free():
    """A batch is sent so much before the running one is due, and the scheduler wakes for it; no sooner."""
    machine = Machine(EARLY)
    machine.offer(a_job(200))
    assert len(machine.started) == 1
    assert machine.wake_at == pytest.approx(0.05 - 0.004)
    machine.now = 0.0459
    machine.poll()
    assert len(machine.started) == 1
    machine.now = 0.0461
    machine.poll()
    assert len(machine.started) == 2


def test_one_in_advance_at_most():
    """However late the running batch is, only one waits behind it."""
    machine = Machine(EARLY)
    machine.offer(a_job(200))
    for machine.now in (0.047, 0.06, 0.2, 0.5):
        machine.poll()
    assert len(machine.started) == 2


def test_urgent_work_goes_first_until_then():
    """What is sent early is chosen then, not before: an urgent job that comes a moment sooner heads it."""
    machine = Machine(EARLY)
    bulk, urgent = a_job(200, lane=900), a_job(1)
    machine.offer(bulk)
    machine.now = 0.0455
    machine.offer(urgent)
    machine.now = 0.0461
    machine.poll()
    assert [batch.slices[0].job_id for _, batch in machine.started] == [bulk.id, urgent.id]


def test_due_when_it_can_begin():
    """What is sent early is expected to begin when the worker is free: the work left is counted whole."""
    machine = Machine(EARLY)
    machine.offer(a_job(98))
    machine.now = 0.047
    machine.poll()
    load = machine.scheduler.load(machine.now)
    assert load.workers_busy == 1
    assert load.backlog_s == pytest.approx(0.003 + 0.05, abs=1e-3)


def test_nothing_waits():
    """With nothing to send, there is nothing to wake for but the watchdog's look."""
    machine = Machine(EARLY)
    machine.offer(a_job(10))
    assert machine.wake_at == pytest.approx(0.05)

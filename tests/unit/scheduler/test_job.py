"""An admitted job dispatches each of its pairs once, and its amount is that of the waiting ones."""

from scheduler import Amount, Slice
from tests.unit.scheduler.simulated_machine import a_mixed_job, admitted


def test_waits_in_order_of_length():
    """Waiting pairs are kept by length, the shortest first."""
    assert admitted(a_mixed_job(30, 10, 20)).lengths == [10, 20, 30]


def test_amount():
    """At first everything waits."""
    entry = admitted(a_mixed_job(30, 10, 20))
    assert entry.amount == Amount((1, 3, 60, 1400))
    assert entry.waiting_share == 1
    assert entry.running == 0


def test_take_names_the_pairs():
    """A slice holds the caller's indexes of the pairs taken, not their places by length."""
    job = a_mixed_job(30, 10, 20)
    piece, _ = admitted(job).take(1, 3)
    assert piece == Slice(job.id, (2, 0))


def test_take_part():
    """Pairs that are taken leave the waiting pairs; the job itself still waits."""
    entry = admitted(a_mixed_job(30, 10, 20))
    _, taken = entry.take(2, 3)
    assert taken == Amount((0, 1, 30, 900))
    assert entry.amount == Amount((1, 2, 30, 500))
    assert entry.lengths == [10, 20]
    assert entry.running == 1


def test_take_the_rest():
    """With its last pair, the job no longer counts as waiting."""
    entry = admitted(a_mixed_job(30, 10, 20))
    entry.take(2, 3)
    _, taken = entry.take(0, 2)
    assert taken == Amount((1, 2, 30, 500))
    assert entry.amount == Amount((0, 0, 0, 0))


def test_left():
    """The remaining share is counted in tokens, not in pairs."""
    entry = admitted(a_mixed_job(60, 20, 20))
    entry.take(2, 3)
    assert entry.waiting_share == 0.4


def test_near():
    """The pairs of a range of lengths are found, both ends included."""
    entry = admitted(a_mixed_job(10, 20, 20, 30, 40))
    assert entry.near(20, 30) == (1, 4)
    assert entry.near(10.5, 19) == (1, 1)

"""Clients of a lane are served in turns, each within a slice of the others."""

from math import inf

from scheduler import Amount, Job
from scheduler.fair_queue import FairQueue
from scheduler.job import AdmittedJob
from tests.unit.scheduler.simulated_machine import a_job, admitted


def _queue(*jobs: Job) -> tuple[FairQueue, list[AdmittedJob]]:
    queue = FairQueue()
    entries = [admitted(job, serial) for serial, job in enumerate(jobs)]
    for entry in entries:
        queue.push(entry)
    return queue, entries


def _serve(queue: FairQueue, pairs: int = 1) -> str:
    """Serve up to `pairs` pairs of the job whose turn it is, at a second each; return whose they were."""
    entry = queue.head()
    assert entry
    _, taken = entry.take(max(0, len(entry.lengths) - pairs), len(entry.lengths))
    queue.charge(entry, taken, float(taken.pairs))
    return entry.job.client


def test_earliest_deadline_first():
    """A client's jobs are served by deadline."""
    queue, entries = _queue(a_job(deadline=3.0), a_job(deadline=1.0), a_job(deadline=2.0))
    assert queue.first(3, ahead=inf) == [entries[1], entries[2], entries[0]]
    assert queue.head() is entries[1]


def test_equal_deadlines():
    """Jobs with the same deadline are served in order of arrival."""
    queue, entries = _queue(a_job(), a_job(), a_job())
    assert queue.first(3, ahead=inf) == entries


def test_nothing_waits():
    """Without jobs there is no head and no victim."""
    assert FairQueue().head() is FairQueue().victim() is None


def test_turns():
    """Clients with work take turns, however many jobs each brought."""
    queue, _ = _queue(*(a_job(client="a") for _ in range(4)), a_job(client="b"), a_job(client="b"))
    assert "".join(_serve(queue) for _ in range(6)) == "ababaa"


def test_turns_are_measured_in_work():
    """A client whose turns take three times as long gets a third of them."""
    queue, _ = _queue(a_job(60, client="a"), *(a_job(client="b") for _ in range(60)))
    served = {"a": 0, "b": 0}
    for _ in range(40):
        entry = queue.head()
        assert entry
        name = entry.job.client
        count = 3 if name == "a" else 1
        served[_serve(queue, count)] += count
        assert abs(served["a"] - served["b"]) <= 3 + 1


def test_first_goes_client_by_client():
    """The jobs to serve next are all of the client whose turn it is, then those of the next one."""
    queue, entries = _queue(a_job(client="a"), a_job(client="b"), a_job(client="a"))
    assert queue.first(3, ahead=inf) == [entries[0], entries[2], entries[1]]
    assert queue.first(2, ahead=inf) == [entries[0], entries[2]]


def test_idling_earns_nothing():
    """A client that comes back after a pause starts at the present: no burst makes up for the pause."""
    queue, _ = _queue(a_job(40, client="a"), a_job(client="b"))
    for _ in range(20):
        _serve(queue)
    queue.push(admitted(a_job(40, client="b"), 9))
    assert sorted(_serve(queue) for _ in range(10)) == ["a"] * 5 + ["b"] * 5


def test_leaving_clears_no_debt():
    """A client that leaves right after a long turn and comes back waits as long as if it had stayed."""
    queue, _ = _queue(a_job(10, client="a"), a_job(40, client="b"))
    assert _serve(queue, 10) == "a"
    queue.push(admitted(a_job(10, client="a"), 9))
    assert [_serve(queue) for _ in range(11)] == ["b"] * 10 + ["a"]


def test_a_debt_is_worked_off():
    """Once the others caught up, a client that left is forgotten."""
    queue, _ = _queue(a_job(10, client="a"), a_job(40, client="b"))
    _serve(queue, 10)
    for _ in range(12):
        _serve(queue)
    assert set(queue._turns._starts) == {"b"}


def test_clients_without_service_leave_nothing():
    """A client whose jobs were all taken back before they were served is forgotten at once."""
    queue, _ = _queue(a_job(client="stays"))
    for serial in range(1_000):
        entry = admitted(a_job(client=f"passes {serial}"), serial)
        queue.push(entry)
        queue.remove(entry)
    assert set(queue._turns._starts) == {"stays"}


def test_remove():
    """A removed job is neither served nor displaced, and its client's share goes with it."""
    queue, entries = _queue(a_job(3, client="a"), a_job(2, client="a"))
    queue.remove(entries[0])
    assert queue.first(9, ahead=inf) == [entries[1]]
    assert queue.standing("a", "")[:2] == (Amount.of([100, 100]),) * 2
    assert len(queue) == 1


def test_last_pair():
    """A job leaves the queue with its last pair."""
    queue, _ = _queue(a_job(2))
    _serve(queue, 2)
    assert not queue
    assert queue.head() is None


def test_victim_is_least_progressed():
    """The job of which the largest share still waits is displaced first."""
    queue, entries = _queue(a_job(10), a_job(10), a_job(10))
    _, taken = entries[2].take(0, 1)
    queue.charge(entries[2], taken, 1.0)
    _, taken = entries[1].take(0, 5)
    queue.charge(entries[1], taken, 1.0)
    order = []
    while entry := queue.victim():
        order.append(entry)
        queue.remove(entry)
    assert order == [entries[0], entries[2], entries[1]]


def test_victim_is_newest():
    """Of jobs equally far, the newest is displaced first."""
    queue, entries = _queue(a_job(1), a_job(100), a_job(10))
    assert queue.victim() is entries[2]


def test_standing():
    """A client's waiting work is counted apart from that of others, and the other clients are counted."""
    queue, _ = _queue(a_job(3, client="a"), a_job(2, client="b"), a_job(1, client="c"))
    assert queue.standing("b", "") == (Amount.of([100, 100]), Amount.of([100, 100]), 0, 2)


def test_standing_of_a_stranger():
    """A client with nothing waiting shares the turns with every client that has work waiting."""
    queue, _ = _queue(a_job(client="a"), a_job(client="b"))
    assert queue.standing("z", "") == (Amount(), Amount(), 0, 2)


def test_standing_after_service():
    """Dispatched pairs no longer count as waiting."""
    queue, _ = _queue(a_job(3, client="a"))
    _serve(queue, 2)
    assert queue.standing("a", "").name == queue.standing("a", "").client == Amount.of([100])


def test_taken_along():
    """A client whose pairs are taken along ahead of its turn pays for it later."""
    queue, entries = _queue(a_job(20, client="a"), a_job(20, client="b"))
    _, taken = entries[1].take(0, 5)
    queue.charge(entries[1], taken, 5.0)
    assert [_serve(queue) for _ in range(5)] == ["a"] * 5
    assert sorted(_serve(queue) for _ in range(4)) == ["a", "a", "b", "b"]


def test_names_share_the_turns_of_their_client():
    """A client gets the same under many names as under one."""
    queue, _ = _queue(*(a_job(client="a", name=f"{n}") for n in range(100)), a_job(100, client="b", name="b"))
    assert "".join(_serve(queue) for _ in range(100)) == "ab" * 50


def test_names_take_turns():
    """The names of a client take turns, however much each brought; deadlines count within a name."""
    jobs = [
        a_job(client="a", name=name, deadline=deadline) for name, deadline in zip("xxxyy", (3, 2, 1, 8, 9), strict=True)
    ]
    queue, entries = _queue(*jobs)
    served = []
    while entry := queue.head():
        served.append(entries.index(entry))
        _serve(queue)
    assert served == [2, 3, 1, 4, 0]


def test_names_of_a_client_that_pauses_start_level():
    """Nothing is kept of the names of a client without work."""
    queue, _ = _queue(a_job(9, client="a", name="x"), a_job(client="b"))
    _serve(queue, 9)
    _serve(queue)
    assert not queue._clients
    assert queue._turns._starts == {"a": 9.0, "b": 1.0}


def test_standing_of_names():
    """The waiting work of a client includes that of each of its names."""
    queue, _ = _queue(a_job(2, client="a", name="x"), a_job(client="a", name="y"), a_job(client="b", name="x"))
    own, both = Amount.of([100, 100]), Amount.of([100] * 3, jobs=2)
    assert queue.standing("a", "x") == (own, both, 1, 1)
    assert queue.standing("a", "z") == (Amount(), both, 2, 1)


def test_allowances():
    """A name is as far ahead of its client's other names as its client is of others."""
    queue, entries = _queue(a_job(9, client="a", name="x"), a_job(client="a", name="y"), a_job(client="b"))
    _serve(queue, 3)
    assert queue.allowances(entries[0], 1.0) == (-2.0, -2.0)
    assert queue.allowances(entries[1], 1.0) == (-2.0, 1.0)

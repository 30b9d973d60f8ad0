"""The best lane is served first, the worst is displaced first, and the ledger agrees with both."""

from math import inf

from scheduler import LANES, Amount
from scheduler.job import AdmittedJob
from scheduler.lanes import Lanes
from tests.unit.scheduler.simulated_machine import a_job, admitted


def _lanes(*lanes: int) -> tuple[Lanes, list[AdmittedJob]]:
    waiting = Lanes()
    entries = [admitted(a_job(lane=lane), serial) for serial, lane in enumerate(lanes)]
    for entry in entries:
        waiting.push(entry)
    return waiting, entries


def test_empty():
    """Without jobs there is no head, no worst lane and no victim."""
    lanes = Lanes()
    assert lanes.head() is None
    assert lanes.worst_lane() is None
    assert lanes.victim(0) is None
    assert lanes.first(5, below=LANES, ahead=inf) == []


def test_head():
    """The best lane in use is served first, the outermost lanes included."""
    lanes, entries = _lanes(LANES - 1, 0, 500)
    assert lanes.head() is entries[1]


def test_first():
    """Jobs come best lane first, and no more than asked for."""
    lanes, entries = _lanes(7, LANES - 1, 3, 7)
    assert lanes.first(9, below=LANES, ahead=inf) == [entries[2], entries[0], entries[3], entries[1]]
    assert lanes.first(2, below=LANES, ahead=inf) == [entries[2], entries[0]]


def test_first_below():
    """Lanes from the given one on are left out."""
    lanes, entries = _lanes(99, 100)
    assert lanes.first(9, below=100, ahead=inf) == [entries[0]]


def test_first_ahead():
    """Clients too far beyond their turn in their lane are left out."""
    lanes = Lanes()
    here, ahead = admitted(a_job(lane=5, client="a")), admitted(a_job(2, lane=5, client="b"), 1)
    for entry in (here, ahead):
        lanes.push(entry)
    lanes.take(ahead, 0, 1, 0.3)
    assert lanes.first(9, below=LANES, ahead=0.3) == [here, ahead]
    assert lanes.first(9, below=LANES, ahead=0.2) == [here]


def test_worst_lane():
    """The worst lane is the least urgent one with a waiting job."""
    lanes, entries = _lanes(4, 900, 30)
    assert lanes.worst_lane() == 900
    lanes.remove(entries[1])
    assert lanes.worst_lane() == 30


def test_victim():
    """A displaced job comes from the worst lane."""
    lanes, entries = _lanes(4, 900, 30)
    assert lanes.victim(10) is entries[1]


def test_no_victim_for_a_lane_as_bad():
    """Nobody makes room for a job that is not more urgent."""
    lanes, _ = _lanes(4, 900)
    assert lanes.victim(900) is None
    assert lanes.victim(950) is None


def test_take():
    """Pairs that were taken leave the ledger; with its last pair, the job leaves its lane."""
    lanes = Lanes()
    entry = admitted(a_job(3, lane=5))
    lanes.push(entry)
    lanes.take(entry, 0, 1, 1.0)
    assert lanes.ledger.total == Amount.of([100, 100])
    lanes.take(entry, 0, 2, 1.0)
    assert lanes.ledger.total == Amount((0, 0, 0, 0))
    assert lanes.worst_lane() is None


def test_remove():
    """A removed job leaves the ledger with what still waits of it, and an empty lane is not in use."""
    lanes, entries = _lanes(5, 6)
    lanes.remove(entries[0])
    assert lanes.ledger.through(5) == Amount((0, 0, 0, 0))
    assert lanes.first(9, below=LANES, ahead=inf) == [entries[1]]


def test_remove_dispatched():
    """Removing a job of which nothing waits any more changes nothing."""
    lanes, entries = _lanes(5, 5)
    lanes.take(entries[0], 0, 1, 1.0)
    lanes.remove(entries[0])
    assert lanes.first(9, below=LANES, ahead=inf) == [entries[1]]
    assert lanes.ledger.total == entries[1].amount


def test_standing_in_an_unused_lane():
    """In a lane that nobody uses there is nobody to share with."""
    assert Lanes().standing(3, "a", "") == (Amount(), Amount(), 0, 0)


def test_standing():
    """A client's standing is that in the lane asked about, whatever it has in others."""
    lanes = Lanes()
    for lane in (1, 2):
        lanes.push(admitted(a_job(lane, lane=lane, client="a"), lane))
    assert lanes.standing(2, "a", "") == (Amount.of([100, 100]), Amount.of([100, 100]), 0, 0)


def test_started_jobs_of_a_class_go_first():
    """With classes, a started job goes before better lanes of its class, but not before a better class."""
    lanes = Lanes(class_width=100)
    started = admitted(a_job(3, lane=150), 0)
    lanes.push(started)
    lanes.take(started, 0, 1, 0.0)
    lanes.push(admitted(a_job(lane=110), 1))
    assert lanes.head() is started
    better = admitted(a_job(lane=99), 2)
    lanes.push(better)
    assert lanes.head() is better


def test_a_started_job_leaves_its_class():
    """A started job that is removed no longer goes before better lanes of its class."""
    lanes = Lanes(class_width=100)
    started, better = admitted(a_job(3, lane=150), 0), admitted(a_job(lane=110), 1)
    lanes.push(started)
    lanes.push(better)
    lanes.take(started, 0, 1, 0.0)
    lanes.remove(started)
    assert lanes.head() is better


def test_no_classes():
    """Without classes a better lane goes first, whatever was started."""
    lanes = Lanes()
    started, better = admitted(a_job(3, lane=150), 0), admitted(a_job(lane=149), 1)
    lanes.push(started)
    lanes.take(started, 0, 1, 0.0)
    lanes.push(better)
    assert lanes.head() is better


def _nobody(_: str) -> bool:
    return False


def test_oldest():
    """The oldest waiting job is the one admitted first, until its last pair is dispatched."""
    lanes = Lanes(class_width=10)
    first, second = admitted(a_job(2, lane=900), 0), admitted(a_job(lane=0), 1)
    lanes.push(second)
    lanes.push(first)
    assert lanes.rotation.turn(_nobody) is first
    lanes.take(first, 0, 2, 0.0)
    assert lanes.rotation.turn(_nobody) is second
    lanes.remove(second)
    assert lanes.rotation.turn(_nobody) is None

"""The rotation serves the clients with waiting work in turn, each with its oldest job, whatever their lanes."""

from scheduler import Amount, Job
from scheduler.job import AdmittedJob
from scheduler.rotation import Rotation
from tests.unit.scheduler.simulated_machine import a_job, admitted


def _rotation(*jobs: Job) -> tuple[Rotation, list[AdmittedJob]]:
    rotation, entries = Rotation(), [admitted(job, serial) for serial, job in enumerate(jobs)]
    for entry in entries:
        rotation.push(entry)
    return rotation, entries


def _nobody(_: str) -> bool:
    return False


def test_rotation():
    """Clients come one after the other, each with its oldest job, whatever the lanes."""
    jobs = a_job(client="a", lane=9), a_job(client="a", lane=0), a_job(client="b", lane=5)
    rotation, entries = _rotation(*jobs)
    assert [rotation.turn(_nobody) for _ in range(3)] == [entries[0], entries[2], entries[0]]


def test_left_out():
    """A client that is left out keeps its place; if all are, there is no job."""
    rotation, entries = _rotation(a_job(client="a"), a_job(client="b"))
    assert rotation.turn(lambda name: name == "a") is entries[1]
    assert rotation.turn(_nobody) is entries[0]
    assert rotation.turn(lambda _: True) is None


def test_standing():
    """All lanes of a client count together, and only while they wait."""
    rotation, entries = _rotation(a_job(2, client="a", lane=9), a_job(client="a"), a_job(client="b"))
    assert rotation.standing("a") == (Amount.of([100] * 3, jobs=2), 1)
    _, taken = entries[0].take(0, 1)
    rotation.take(entries[0], taken)
    assert rotation.standing("a") == (Amount.of([100] * 2, jobs=2), 1)
    _, taken = entries[1].take(0, 1)
    rotation.take(entries[1], taken)
    rotation.discard(entries[0])
    assert rotation.standing("a") == (Amount(), 1)
    assert rotation.turn(_nobody) is entries[2]

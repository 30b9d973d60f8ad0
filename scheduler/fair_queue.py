"""The jobs of one lane in order: fair between clients and between the names of one, then earliest deadline first."""

from typing import NamedTuple

from scheduler.heap import Heap
from scheduler.job import AdmittedJob
from scheduler.turns import Turns
from scheduler.values import Amount


class Standing(NamedTuple):
    """The work that a name of a client has waiting in a lane, and with whom it shares the turns."""

    name: Amount
    client: Amount
    """That of all names of the client."""
    other_names: int
    """Other names of the client with work waiting."""
    other_clients: int


class _Name:
    """The waiting jobs of one name, earliest deadline first, then arrival."""

    __slots__ = ("amount", "jobs")

    def __init__(self) -> None:
        self.jobs: Heap[AdmittedJob, tuple[float, int]] = Heap()
        self.amount = Amount()


class _Client:
    """The names of one client that have jobs waiting."""

    __slots__ = ("amount", "names", "turns")

    def __init__(self) -> None:
        self.names: dict[str, _Name] = {}
        self.turns = Turns()
        self.amount = Amount()


class FairQueue:
    """Clients take turns, and within the turns of a client its names do.

    So a client gets the same under one name and under a hundred. Every job with waiting pairs is in the heap of its
    name and in `_victims`; a client or a name without such a job is known to the turns alone.
    """

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}
        self._turns = Turns()
        self._victims: Heap[AdmittedJob, tuple[float, int]] = Heap()  # Jobs, least progressed first, then newest.

    def __len__(self) -> int:
        return len(self._victims)

    def push(self, entry: AdmittedJob) -> None:
        """Add a job with waiting pairs."""
        job = entry.job
        self._victims.push(entry, (-entry.waiting_share, -entry.serial))
        if job.client not in self._clients:
            self._clients[job.client] = _Client()
            self._turns.begin(job.client)
        client = self._clients[job.client]
        if job.name not in client.names:
            client.names[job.name] = _Name()
            client.turns.begin(job.name)
        client.names[job.name].jobs.push(entry, (job.deadline, entry.serial))
        self._add(entry, entry.amount)

    def remove(self, entry: AdmittedJob) -> None:
        """Remove a job that ended, with whatever of it still waits."""
        self._add(entry, Amount() - entry.amount)
        self._unlink(entry)

    def head(self) -> AdmittedJob | None:
        """Return the job to serve next."""
        turn = self._turns.next()
        client = None if turn is None else self._clients[turn]
        name = client.turns.next() if client else None
        job = client.names[name].jobs.least() if client and name is not None else None
        return job[0] if job else None

    def first(self, count: int, ahead: float) -> list[AdmittedJob]:
        """Return up to `count` jobs to serve next, client by client and name by name.

        Leaves out those more than `ahead` seconds of work beyond the turn: filling batches with their pairs would let
        them run away from the one whose turn it is.
        """
        found: list[AdmittedJob] = []
        for name in self._turns.first(count, ahead):
            client = self._clients[name]
            for own in client.turns.first(count - len(found), ahead):
                found += client.names[own].jobs.first(count - len(found))
                if len(found) == count:
                    return found
        return found

    def allowances(self, entry: AdmittedJob, ahead: float) -> tuple[float, float]:
        """Return the seconds of work that would bring a job's client and its name `ahead` seconds beyond the turn."""
        job = entry.job
        own = self._clients[job.client].turns
        return self._turns.allowance(job.client, ahead), own.allowance(job.name, ahead)

    def victim(self) -> AdmittedJob | None:
        """Return the job to displace first: least progressed, then newest."""
        least = self._victims.least()
        return least[0] if least else None

    def newest(self, client: str, name: str) -> AdmittedJob:
        """Return the job that came last of a name with work waiting."""
        return self._clients[client].names[name].jobs.newest()

    def charge(self, entry: AdmittedJob, taken: Amount, work: float) -> None:
        """Record that `taken` of a job, `work` seconds of a worker, was dispatched; forget the job with its last pair.

        The client pays, and the name within it.
        """
        self._add(entry, Amount() - taken)
        self._turns.charge(entry.job.client, work)
        self._clients[entry.job.client].turns.charge(entry.job.name, work)
        if entry.lengths:
            self._victims.push(entry, (-entry.waiting_share, -entry.serial))
        else:
            self._unlink(entry)

    def standing(self, client: str, name: str) -> Standing:
        """Return what a name of a client has waiting, and the number of others that have work waiting."""
        known = self._clients.get(client)
        if known is None:
            return Standing(Amount(), Amount(), 0, len(self._clients))
        own = known.names.get(name)
        others = len(known.names) - (own is not None)
        return Standing(own.amount if own else Amount(), known.amount, others, len(self._clients) - 1)

    def _add(self, entry: AdmittedJob, amount: Amount) -> None:
        client = self._clients[entry.job.client]
        client.amount += amount
        client.names[entry.job.name].amount += amount

    def _unlink(self, entry: AdmittedJob) -> None:
        job = entry.job
        self._victims.discard(entry)
        client = self._clients[job.client]
        name = client.names[job.name]
        name.jobs.discard(entry)
        if not name.jobs:
            del client.names[job.name]
            client.turns.end(job.name)
        if not client.names:
            del self._clients[job.client]
            self._turns.end(job.client)

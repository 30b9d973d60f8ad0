"""The jobs of one lane in order: fair between clients, earliest deadline first inside a client."""

from scheduler.heap import Heap
from scheduler.job import AdmittedJob
from scheduler.values import Amount


class _Client:
    """One client's waiting jobs, earliest deadline first, then arrival."""

    __slots__ = ("amount", "jobs", "start")

    def __init__(self) -> None:
        self.jobs: Heap[AdmittedJob, tuple[float, int]] = Heap()
        self.amount = Amount()
        self.start = 0.0
        """Virtual time of its next turn."""


class FairQueue:
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996), charged for each dispatched slice.

    The client with the least start tag is served next; its tag then grows by the work of the slice. Virtual time is the
    tag served last. So two clients that keep work waiting are never further apart than a slice of each, whatever the
    size of their jobs. A client that returns starts at the present virtual time: idling earns nothing.

    Four heaps agree after every call: each job with waiting pairs is in the heap of its client and in `_victims`; each
    client with such a job is in `_turns`, and any other that is still known is in `_resting`.
    """

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}
        self._turns: Heap[str, float] = Heap()  # Clients with waiting jobs, by start tag.
        self._resting: Heap[str, float] = Heap()  # Clients without, until virtual time reaches their tag.
        self._victims: Heap[AdmittedJob, tuple[float, int]] = Heap()  # Jobs, least progressed first, then newest.
        self._time = 0.0

    def __len__(self) -> int:
        return len(self._victims)

    def push(self, entry: AdmittedJob) -> None:
        """Add a job with waiting pairs."""
        name = entry.job.client
        self._victims.push(entry, (-entry.waiting_share, -entry.serial))
        client = self._clients.setdefault(name, _Client())
        if not client.jobs:
            self._resting.discard(name)
            client.start = max(client.start, self._time)
            self._turns.push(name, client.start)
        client.jobs.push(entry, (entry.job.deadline, entry.serial))
        client.amount += entry.amount

    def remove(self, entry: AdmittedJob) -> None:
        """Remove a job that ended, with whatever of it still waits."""
        self._clients[entry.job.client].amount -= entry.amount
        self._unlink(entry)

    def head(self) -> AdmittedJob | None:
        """Return the job to serve next."""
        turn = self._turns.least()
        job = self._clients[turn[0]].jobs.least() if turn else None
        return job[0] if job else None

    def first(self, count: int, ahead: float) -> list[AdmittedJob]:
        """Return up to `count` jobs to serve next, client by client.

        Leaves out clients more than `ahead` seconds of work beyond the turn: filling batches with their pairs would let
        them run away from the client whose turn it is.
        """
        found: list[AdmittedJob] = []
        turn = self._turns.least()
        for name in self._turns.first(count):
            if turn and self._clients[name].start > turn[1] + ahead:
                break
            found += self._clients[name].jobs.first(count - len(found))
            if len(found) == count:
                break
        return found

    def allowance(self, name: str, ahead: float) -> float:
        """Return the seconds of work that would bring a client `ahead` seconds beyond the turn."""
        turn = self._turns.least()
        return (turn[1] if turn else self._time) + ahead - self._clients[name].start

    def victim(self) -> AdmittedJob | None:
        """Return the job to displace first: least progressed, then newest."""
        least = self._victims.least()
        return least[0] if least else None

    def charge(self, entry: AdmittedJob, taken: Amount, work: float) -> None:
        """Record that `taken` of a job, `work` seconds of a worker, was dispatched; forget the job with its last pair.

        Virtual time moves only with the client whose turn it was. A client whose pairs filled a batch pays as well, but
        from ahead of its turn.
        """
        name = entry.job.client
        client = self._clients[name]
        client.amount -= taken
        turn = self._turns.least()
        if turn and turn[0] == name:
            self._time = max(self._time, client.start)
        client.start += work
        self._turns.push(name, client.start)
        if entry.lengths:
            self._victims.push(entry, (-entry.waiting_share, -entry.serial))
        else:
            self._unlink(entry)
        self._forget()

    def standing(self, name: str) -> tuple[Amount, int]:
        """Return the amount that a client has waiting, and the number of other clients with work waiting."""
        client = self._clients.get(name)
        if client is None or not client.jobs:
            return Amount(), len(self._turns)
        return client.amount, len(self._turns) - 1

    def _unlink(self, entry: AdmittedJob) -> None:
        name = entry.job.client
        self._victims.discard(entry)
        client = self._clients[name]
        client.jobs.discard(entry)
        if not client.jobs:
            self._turns.discard(name)
            self._resting.push(name, client.start)
            self._forget()

    def _forget(self) -> None:
        """Forget resting clients whose tag virtual time has reached: they would start at the present anyway."""
        while (rested := self._resting.least()) and rested[1] <= self._time:
            self._resting.discard(rested[0])
            del self._clients[rested[0]]

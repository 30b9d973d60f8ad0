"""The lanes: all jobs with waiting pairs, in the order of service."""

from scheduler.fair_queue import FairQueue, Standing
from scheduler.heap import Heap
from scheduler.job import AdmittedJob
from scheduler.ledger import Ledger
from scheduler.rotation import Rotation
from scheduler.values import Amount, Slice


class Lanes:
    """A thousand lanes of jobs with waiting pairs, and the ledger of what waits in each.

    The lanes in use are the bits of one integer, so that the best and the worst are found at once. Everything else is
    O(log n) in the jobs of one lane.
    """

    def __init__(self, class_width: int = 1, models: int = 1) -> None:
        """Serve started jobs before the other jobs of their class, which has `class_width` lanes."""
        self._width = class_width
        self._started: dict[int, Heap[AdmittedJob, tuple[int, int]]] = {}
        self._queues: dict[int, FairQueue] = {}
        self._used = 0
        self.ledger = Ledger(models)
        """The amounts that wait, by lane."""
        self.rotation = Rotation()
        """The clients that wait, in whatever lane."""

    def push(self, entry: AdmittedJob) -> None:
        """Add a job with waiting pairs."""
        lane = entry.job.lane
        if lane not in self._queues:
            self._queues[lane] = FairQueue()
            self._used |= 1 << lane
        self._queues[lane].push(entry)
        self.rotation.push(entry)
        self.ledger.add(lane, entry.amount)

    def remove(self, entry: AdmittedJob) -> None:
        """Remove a job that ended, with its waiting pairs; a job without any is not here."""
        if entry.lengths:
            lane = entry.job.lane
            self._queues[lane].remove(entry)
            self.ledger.subtract(lane, entry.amount)
            self.rotation.discard(entry)
            self._forget(entry)

    def take(self, entry: AdmittedJob, start: int, stop: int, work: float) -> tuple[Slice, Amount]:
        """Dispatch the pairs at positions `start` to `stop` of a job, charged as `work` seconds.

        Returns the slice and its amount.
        """
        lane = entry.job.lane
        piece, taken = entry.take(start, stop)
        self._queues[lane].charge(entry, taken, work)
        self.ledger.subtract(lane, taken)
        self.rotation.take(entry, taken)
        if not entry.lengths:
            self._forget(entry)
        elif self._width > 1:
            self._started.setdefault(lane // self._width, Heap()).push(entry, (lane, entry.serial))
        return piece, taken

    def head(self) -> AdmittedJob | None:
        """Return the job to serve next: a started one of the best class, else one of the best lane in use."""
        if not self._used:
            return None
        best = (self._used & -self._used).bit_length() - 1
        started = self._started.get(best // self._width)
        least = started.least() if started else None
        return least[0] if least else self._queues[best].head()

    def first(self, count: int, *, below: int, ahead: float) -> list[AdmittedJob]:
        """Return up to `count` jobs to serve next in lanes under `below`, best lane first.

        Clients more than `ahead` seconds of work beyond their turn are left out.
        """
        found: list[AdmittedJob] = []
        rest = self._used & ((1 << below) - 1)
        while rest and len(found) < count:
            lane = (rest & -rest).bit_length() - 1
            found += self._queues[lane].first(count - len(found), ahead)
            rest &= rest - 1
        return found

    def allowances(self, entry: AdmittedJob, ahead: float) -> tuple[float, float]:
        """Return the seconds of work that would bring a job's client and its name `ahead` seconds beyond the turn."""
        return self._queues[entry.job.lane].allowances(entry, ahead)

    def worst_lane(self) -> int | None:
        """Return the least urgent lane in use."""
        return self._used.bit_length() - 1 if self._used else None

    def victim(self, lane: int) -> AdmittedJob | None:
        """Return the job to displace first for one in `lane`, from the worst lane; None if that is not worse."""
        worst = self.worst_lane()
        return self._queues[worst].victim() if worst is not None and worst > lane else None

    def newest(self, lane: int, client: str, name: str) -> AdmittedJob:
        """Return the job that came last of a name with work waiting in a lane."""
        return self._queues[lane].newest(client, name)

    def standing(self, lane: int, client: str, name: str) -> Standing:
        """Return what a name of a client has waiting in a lane, and how many others wait there."""
        queue = self._queues.get(lane)
        return queue.standing(client, name) if queue else Standing(Amount(), Amount(), 0, 0)

    def _forget(self, entry: AdmittedJob) -> None:
        lane = entry.job.lane
        if started := self._started.get(lane // self._width):
            started.discard(entry)
        if not self._queues[lane]:
            del self._queues[lane]
            self._used &= ~(1 << lane)

"""The clients with work waiting in any lane, in rotation."""

from collections import OrderedDict
from collections.abc import Callable, Collection

from scheduler.heap import Heap
from scheduler.job import AdmittedJob
from scheduler.values import Amount


class _Client:
    """The waiting jobs of one client, in order of arrival."""

    __slots__ = ("ages", "amount")

    def __init__(self) -> None:
        self.ages: Heap[AdmittedJob, int] = Heap()
        self.amount = Amount()


class Rotation:
    """Finds the job to serve when the order of lanes is set aside: clients in rotation, of each its oldest job."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    def push(self, entry: AdmittedJob) -> None:
        """Add a job with waiting pairs; a client without any joins the end."""
        client = self._clients.setdefault(entry.job.client, _Client())
        client.ages.push(entry, entry.serial)
        client.amount += entry.amount

    def take(self, entry: AdmittedJob, taken: Amount) -> None:
        """Record that `taken` of a job no longer waits; forget the job with its last pair."""
        client = self._clients[entry.job.client]
        client.amount -= taken
        if not entry.lengths:
            self.discard(entry)

    def discard(self, entry: AdmittedJob) -> None:
        """Remove a job, with whatever of it still waits."""
        client = self._clients[entry.job.client]
        client.amount -= entry.amount
        client.ages.discard(entry)
        if not client.ages:
            del self._clients[entry.job.client]

    def turn(self, is_left_out: Callable[[str], bool]) -> AdmittedJob | None:
        """Return the oldest job of the next client that is not left out, which then goes to the end."""
        for name, client in self._clients.items():
            if not is_left_out(name) and (oldest := client.ages.least()):
                self._clients.move_to_end(name)
                return oldest[0]
        return None

    @property
    def clients(self) -> Collection[str]:
        """The clients with work waiting, the next first."""
        return self._clients.keys()

    def standing(self, client: str) -> tuple[Amount, int]:
        """Return what a client has waiting in all lanes, and the number of other clients with work waiting."""
        known = self._clients.get(client)
        return known.amount if known else Amount(), len(self._clients) - (known is not None)

"""The order of service in the books of the oracle: lanes, the guaranteed share, and the cap on a client's share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from scheduler import Batch, Policy
from tests.property.tracked import Tracked

EPSILON = 1e-9
Live = Mapping[int, Tracked]


class Order:
    """The orders in which the rotation may have the clients.

    The books do not see whether the order of lanes or the rotation chose a job that both may have chosen, nor whether a
    job that was dropped had a turn. So they hold every order of clients in which the rotation may be.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._rotations: set[tuple[str, ...]] = {()}
        self._debts: defaultdict[str, float] = defaultdict(float)
        """A leaky bucket for each client: work beside others over the share fills it, all work drains it."""

    def look(self, live: Live) -> None:
        """Note who waits now; whoever has begun to is the last in the rotation."""
        if self._policy.is_strict:
            return
        waiting = dict.fromkeys(t.job.client for t in live.values() if t.waiting)
        self._rotations = {
            (*(name for name in rotation if name in waiting), *(name for name in waiting if name not in rotation))
            for rotation in self._rotations
        }

    def may_have_turned(self, clients: Iterable[str]) -> None:
        """Note that a job of each client was dropped, perhaps when it had its turn."""
        for client in clients:
            self._rotations |= {_turned(r, client) for r in self._rotations if client in r}

    def head(self, batch: Batch, live: Live) -> None:
        """Assert that the job that heads a batch may be the one to serve."""
        head = live[batch.slices[0].job_id]
        client = head.job.client
        waiting = [t for t in live.values() if t.waiting]
        oldest = head is min((t for t in waiting if t.job.client == client), key=lambda t: t.serial)
        if self._is_guaranteed(batch.id):
            assert oldest, "the guaranteed share is for the oldest job of a client"
            self._rotations = {_turned(r, client) for r in self._rotations if r[0] == client}
            assert self._rotations, "clients rotate"
            return
        found = set[tuple[str, ...]]()
        if _presses_most(head, waiting) and not self._is_passed_over(client, {t.job.client for t in waiting}):
            found |= self._rotations
        if oldest and self.is_set_aside(batch, live):
            found |= {_turned(r, client) for r in self._rotations if client in self._next(r)}
        self._rotations = found
        assert found, "the best lane, or beside a client that had its share the next of the others"

    def fill(self, batch: Batch, live: Live) -> None:
        """Assert that while others wait no pair of a client that had its share fills a batch that another job heads."""
        clients = {live[piece.job_id].job.client for piece in batch.slices[1:]}
        if len({t.job.client for t in live.values() if t.waiting}) > 1:
            assert all(self._beyond(client) < EPSILON for client in clients)

    def is_set_aside(self, batch: Batch, live: Live) -> bool:
        """Return whether the order of lanes may be set aside for a batch that is about to start."""
        best = min(t.job.lane for t in live.values() if t.waiting)
        heads = {t.job.client for t in live.values() if t.waiting and t.job.lane == best}
        return self._is_guaranteed(batch.id) or any(self._beyond(name) > -EPSILON for name in heads)

    def charge(self, batch: Batch, live: Live) -> None:
        """Note the work of a batch that is about to start."""
        if self._policy.is_strict:
            return
        contended = len({t.job.client for t in live.values() if t.waiting}) > 1
        for piece in batch.slices:
            work, client = batch.work * len(piece.pairs) / batch.pairs, live[piece.job_id].job.client
            if contended:
                self._debts[client] += work / self._policy.client_share
            self._debts = defaultdict(float, {n: d - work for n, d in self._debts.items() if d > work})

    def _is_guaranteed(self, number: int) -> bool:
        share = self._policy.guaranteed_share
        return int(number * share) > int((number - 1) * share)

    def _beyond(self, client: str) -> float:
        """Return the work that a client had beyond its share and one batch, over the share."""
        return self._debts[client] - self._policy.batch_s if self._policy.client_share < 1 else -1.0

    def _is_passed_over(self, client: str, waiting: Iterable[str]) -> bool:
        """Return whether a client surely had its share, and one that waits is less beyond its own."""
        beyond = self._beyond(client)
        return beyond > EPSILON and min(map(self._beyond, waiting)) < beyond - EPSILON

    def _next(self, rotation: Sequence[str]) -> list[str]:
        """Return the clients that may be the next of those who have not had their share, or the least beyond it."""
        passed = list(takewhile(lambda name: self._beyond(name) > -EPSILON, rotation))
        following = rotation[len(passed) : len(passed) + 1]
        least = min(map(self._beyond, rotation))
        limit = EPSILON if following or least <= EPSILON else least + EPSILON
        return [*following, *(name for name in passed if self._beyond(name) <= limit)]


def _turned(rotation: Sequence[str], client: str) -> tuple[str, ...]:
    return (*(name for name in rotation if name != client), client)


def _presses_most(head: Tracked, waiting: Iterable[Tracked]) -> bool:
    """Return whether a job is in the best lane, and the most pressing one of its name there."""
    who = head.job.lane, head.job.client, head.job.name
    rivals = [t for t in waiting if (t.job.lane, t.job.client, t.job.name) == who]
    best = min(t.job.lane for t in waiting)
    return head.job.lane == best and head is min(rivals, key=lambda t: (t.job.deadline, t.serial))

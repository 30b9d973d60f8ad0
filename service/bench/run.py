"""Requests sent at their moments, whatever became of earlier ones, and what became of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from service.bench.client import Client, Ending
from service.bench.goal import quantile
from service.bench.workload import BULK, MIX, Request
from service.progress import Progress

_LEAD_S = 0.2  # Before the first request, to get going.
_TICK_S = 0.5


class Sent(NamedTuple):
    """One request, and what became of it."""

    request: Request
    ending: Ending
    took_s: float
    """From when it was meant to be sent, so that a wait before sending counts."""
    lag_s: float
    """How much later than meant it was sent."""


@dataclass(frozen=True)
class Run:
    """All requests of one trace."""

    load: float
    """Offered, over the capacity."""
    sent: Sequence[Sent]
    offered_s: float
    """For how long requests came."""
    seconds: float
    """Until the last of them ended, or the trace, whichever is later."""
    cpu_s: float = nan
    """CPU time of the service meanwhile; NaN where nobody tells."""

    def of(self, group: str) -> "Run":
        """Return the same run as one group saw it."""
        sent = [s for s in self.sent if s.request.group == group]
        return Run(self.load, sent, self.offered_s, self.seconds)

    def count(self, ending: Ending) -> int:
        """Return how many requests ended like that."""
        return sum(s.ending is ending for s in self.sent)

    def share(self, ending: Ending) -> float:
        """Return the share of all requests that ended like that."""
        return self.count(ending) / len(self.sent) if self.sent else nan

    @property
    def goodput(self) -> float:
        """Tokens answered in time, a second, until the last request ended."""
        return self.good_tokens / self.seconds

    @property
    def goodputs(self) -> dict[str, float]:
        """The parts of the goodput by group.

        After the last request has come, only bulk is left to work on, for some seconds: so the others' parts are
        taken over the time in which they came, and bulk is the rest.
        """
        parts = {group.name: self.of(group.name).good_tokens / self.offered_s for group in MIX if group is not BULK}
        return parts | {BULK.name: max(self.goodput - sum(parts.values()), 0.0)}

    @property
    def good_tokens(self) -> int:
        """Tokens of the requests answered in time."""
        return sum(s.request.tokens for s in self.sent if s.ending is Ending.IN_TIME)

    def took_s(self, q: float, *endings: Ending) -> float:
        """Return a quantile of the times of the requests that ended like that."""
        return quantile([s.took_s for s in self.sent if s.ending in endings], q)


async def play(client: Client, requests: Sequence[Request], *, load: float, seconds: float, progress: Progress) -> Run:
    """Send requests in an open loop for `seconds`, wait for all to end, and return what became of them."""
    now = asyncio.get_running_loop().time
    start = now() + _LEAD_S
    cpu_before_s = client.process.cpu_s()
    what = f"{load:g}x" if load else "alone"
    tasks: list[asyncio.Task[Sent]] = []
    ended = 0

    async def send(request: Request) -> Sent:
        nonlocal ended
        meant = start + request.at
        lag_s = now() - meant
        ending = await client.send(request, max(request.deadline_s - lag_s, 0))
        took_s = now() - meant
        ended += 1
        if ending is Ending.IN_TIME and took_s > request.deadline_s:
            ending = Ending.LATE
        return Sent(request, ending, took_s, lag_s)

    async def report() -> None:
        while True:
            left = max(start + seconds - now(), 0)
            progress.update(f"{what}: {left:3.0f} s left, {len(tasks) - ended} in flight")
            await asyncio.sleep(_TICK_S)

    reporting = asyncio.create_task(report())
    try:
        for request in requests:
            await asyncio.sleep(max(start + request.at - now(), 0))
            tasks.append(asyncio.create_task(send(request)))
        sent = await asyncio.gather(*tasks)
    finally:
        reporting.cancel()
        progress.clear()
    last = max((s.request.at + s.took_s for s in sent), default=0.0)
    return Run(load, sent, seconds, max(seconds, last), client.process.cpu_s() - cpu_before_s)

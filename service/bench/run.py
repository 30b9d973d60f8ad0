"""An open loop: sends each request at its time, whether or not earlier ones have ended, and records how it ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from service.bench.client import Client, Ending
from service.bench.goal import quantile
from service.bench.workload import BULK, MIX, Request
from service.progress import Progress

_LEAD_S = 0.2  # Delay before the first request, for the event loop to start.
_TICK_S = 0.5


class SentRequest(NamedTuple):
    """A request and its end."""

    request: Request
    ending: Ending
    took_s: float
    """Seconds from the scheduled time, not from the actual time, of sending."""
    lag_s: float
    """Delay of sending against the schedule, in seconds."""


@dataclass(frozen=True)
class LoadRun:
    """The requests of one trace and their ends."""

    load: float
    """Offered load as a multiple of the capacity; 0 for urgent requests alone."""
    sent: Sequence[SentRequest]
    offered_s: float
    """Duration of the trace, in seconds."""
    seconds: float
    """Duration until the last request ended, at least `offered_s`."""
    cpu_s: float = nan
    """CPU seconds of the service; NaN if not measured."""

    def of(self, group: str) -> "LoadRun":
        """Return the run with the requests of one group only."""
        sent = [s for s in self.sent if s.request.group == group]
        return LoadRun(self.load, sent, self.offered_s, self.seconds)

    def count(self, ending: Ending) -> int:
        """Return the number of requests with this ending."""
        return sum(s.ending is ending for s in self.sent)

    def share(self, ending: Ending) -> float:
        """Return the share of requests with this ending; NaN without requests."""
        return self.count(ending) / len(self.sent) if self.sent else nan

    @property
    def goodput(self) -> float:
        """Tokens answered in time per second, until the last request ended."""
        return self.good_tokens / self.seconds

    @property
    def goodputs(self) -> dict[str, float]:
        """The goodput of each group, in tokens per second; the values add up to `goodput`.

        After the last arrival the service works on bulk only, for some seconds. So the goodput of the other groups is
        averaged over the time of arrivals, and bulk is the rest.
        """
        parts = {group.name: self.of(group.name).good_tokens / self.offered_s for group in MIX if group is not BULK}
        return parts | {BULK.name: max(self.goodput - sum(parts.values()), 0.0)}

    @property
    def good_tokens(self) -> int:
        """Tokens of the requests answered in time."""
        return sum(s.request.tokens for s in self.sent if s.ending is Ending.IN_TIME)

    def took_s(self, q: float, *endings: Ending) -> float:
        """Return a quantile of the seconds that requests with these endings took; NaN without any."""
        return quantile([s.took_s for s in self.sent if s.ending in endings], q)


async def play(
    client: Client, requests: Sequence[Request], *, load: float, seconds: float, progress: Progress
) -> LoadRun:
    """Send `requests`, a trace of `seconds` in order of arrival, in an open loop, and wait until all have ended."""
    now = asyncio.get_running_loop().time
    start = now() + _LEAD_S
    cpu_before_s = client.process.cpu_s()
    name = f"{load:g}x" if load else "alone"
    tasks: list[asyncio.Task[SentRequest]] = []
    ended = 0

    async def send(request: Request) -> SentRequest:
        nonlocal ended
        scheduled = start + request.at
        lag_s = now() - scheduled
        ending = await client.send(request, max(request.deadline_s - lag_s, 0))
        took_s = now() - scheduled
        ended += 1
        if ending is Ending.IN_TIME and took_s > request.deadline_s:
            ending = Ending.LATE
        return SentRequest(request, ending, took_s, lag_s)

    async def report() -> None:
        while True:
            left = max(start + seconds - now(), 0)
            progress.update(f"{name}: {left:3.0f} s left, {len(tasks) - ended} in flight")
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
    return LoadRun(load, sent, seconds, max(seconds, last), client.process.cpu_s() - cpu_before_s)

"""Measurements of the capacity, from which loads and deadlines follow on any machine, and of the cost of a refusal."""

import asyncio
import itertools
import statistics
from dataclasses import dataclass
from math import nan
from random import Random
from time import perf_counter

from service.bench.client import Client, Ending
from service.bench.workload import BULK, MIX, URGENT, Request, trace

PATIENCE = 15
"""Ratio of a deadline to the time that a typical request of the group takes on an idle service."""
IN_FLIGHT = 12
"""Concurrent requests that saturate the service and fit its backlog."""
_TRIES = 3
_MEASURED_TOKENS = 10**6  # Size of the set of requests that is sent in a cycle; it takes little time to draw.
_REFUSAL_DIFFERENT, _REFUSAL_SECONDS, _REFUSAL_IN_FLIGHT = 16, 3.0, 4
_HURRY = 0.3  # Ratio of a deadline that cannot be met to the time of the request on an idle service.


@dataclass(frozen=True)
class Capacity:
    """The throughput of a saturated service that refuses nothing."""

    tokens_s: float
    """Tokens per second, for the mix of groups."""
    documents_s: float
    """Documents per second."""
    cpus: float
    """Mean number of CPUs that the service used; NaN without /proc."""
    alone_s: dict[str, float]
    """Median time of a typical request on an idle service, in seconds, by group."""

    @property
    def deadlines(self) -> dict[str, float]:
        """Deadline of the requests of each group, in seconds."""
        return {name: PATIENCE * took_s for name, took_s in self.alone_s.items()}


async def capacity(client: Client, model: str, *, seconds: float, seed: int) -> Capacity:
    """Measure single requests on the idle service, then saturate it for about `seconds`. Raises SystemExit."""
    rng = Random(seed)  # noqa: S311  # Texts, not secrets.
    for _ in range(_TRIES):  # Warms up the caches.
        await client.send(URGENT.request(model, rng), 60)
    alone_s = {}
    for group in MIX:
        requests = [group.request(model, rng, group.typical) for _ in range(_TRIES)]
        alone_s[group.name] = statistics.median([await _took_s(client, request) for request in requests])
    patient = dict.fromkeys(alone_s, 60.0)
    mix = trace(model, load=1, tokens_s=_MEASURED_TOKENS, deadlines=patient, seconds=1, seed=seed)
    cpu_before_s = client.process.cpu_s()
    answered, took_s = await _saturate(client, mix, seconds=seconds, in_flight=IN_FLIGHT)
    return Capacity(
        sum(request.tokens for request in answered) / took_s,
        sum(request.documents for request in answered) / took_s,
        (client.process.cpu_s() - cpu_before_s) / took_s,
        alone_s,
    )


async def refusal_cost(client: Client, model: str, alone_s: float) -> float:
    """Return the ratio of the CPU time of refusing a typical bulk request to that of serving it; NaN without /proc.

    The same requests are served, then refused for a deadline shorter than `alone_s`, the seconds that one takes on an
    idle service. Nothing else runs meanwhile, so that they cause all CPU time of the process.
    """
    rng = Random(0)  # noqa: S311  # Texts, not secrets.
    requests = [BULK.request(model, rng, BULK.typical) for _ in range(_REFUSAL_DIFFERENT)]
    cpu_s = []
    for batch, ending in (
        (requests, Ending.IN_TIME),
        ([request._replace(deadline_s=_HURRY * alone_s) for request in requests], Ending.ADVISED),
    ):
        before_s = client.process.cpu_s()
        ended, _ = await _saturate(client, batch, seconds=_REFUSAL_SECONDS, in_flight=_REFUSAL_IN_FLIGHT, ending=ending)
        cpu_s.append((client.process.cpu_s() - before_s) / len(ended) if ended else nan)
    served_s, refused_s = cpu_s
    return refused_s / served_s


async def _saturate(
    client: Client, requests: list[Request], *, seconds: float, in_flight: int, ending: Ending = Ending.IN_TIME
) -> tuple[list[Request], float]:
    """Send `requests` in a cycle, `in_flight` at a time, for `seconds`.

    Return the requests that ended with `ending`, and the seconds until the last one ended.
    """
    cycle, matches = itertools.cycle(requests), []
    start = perf_counter()

    async def caller() -> None:
        while perf_counter() - start < seconds:
            request = next(cycle)
            if await client.send(request, request.deadline_s) is ending:
                matches.append(request)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return matches, perf_counter() - start


async def _took_s(client: Client, request: Request) -> float:
    start = perf_counter()
    ending = await client.send(request, request.deadline_s)
    if ending is not Ending.IN_TIME:
        raise SystemExit(f"the idle service did not serve a request: {ending}")
    return perf_counter() - start

"""What the service can do: its capacity, so that loads and deadlines suit any machine, and the cost of a refusal."""

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
"""A deadline is so many times what a typical request of the group takes alone."""
IN_FLIGHT = 12
"""Requests that keep the service busy to the full, and fit its backlog."""
_TRIES = 3
_MEASURED_TOKENS = 10**6  # Of requests, sent over and over: enough for a slow machine, soon written out.
_REFUSAL_DIFFERENT, _REFUSAL_SECONDS, _REFUSAL_IN_FLIGHT = 16, 3.0, 4
_HURRY = 0.3  # Of the time a request takes on an idle machine: no doubt that it cannot be met.


@dataclass(frozen=True)
class Capacity:
    """What the service does without anybody waiting in vain."""

    tokens_s: float
    """Tokens a second of the mix, always busy."""
    documents_s: float
    cpus: float
    """CPUs the service had meanwhile; NaN where nobody tells."""
    alone_s: dict[str, float]
    """What a typical request of each group takes on an idle service."""

    @property
    def deadlines(self) -> dict[str, float]:
        """How long each group waits for an answer, in seconds."""
        return {name: PATIENCE * took_s for name, took_s in self.alone_s.items()}


async def capacity(client: Client, model: str, *, seconds: float, seed: int) -> Capacity:
    """Measure the service for about `seconds` at capacity, after a few requests on their own."""
    chance = Random(seed)  # noqa: S311  # Texts, not secrets.
    for _ in range(_TRIES):  # The first requests find everything cold.
        await client.send(URGENT.request(model, chance), 60)
    alone_s = {}
    for group in MIX:
        requests = [group.request(model, chance, group.typical) for _ in range(_TRIES)]
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
    """Return the CPU time of refusing a typical bulk request over that of serving it; NaN where nobody tells.

    The same requests, first served, then refused at the door for a deadline that an idle machine, which takes `alone_s`
    for one, could not meet. Nothing else runs, so that all CPU time of the process is theirs.
    """
    chance = Random(0)  # noqa: S311  # Texts, not secrets.
    requests = [BULK.request(model, chance, BULK.typical) for _ in range(_REFUSAL_DIFFERENT)]
    cpu_s = []
    for asked, ending in (
        (requests, Ending.IN_TIME),
        ([request._replace(deadline_s=_HURRY * alone_s) for request in requests], Ending.ADVISED),
    ):
        before_s = client.process.cpu_s()
        ended, _ = await _saturate(client, asked, seconds=_REFUSAL_SECONDS, in_flight=_REFUSAL_IN_FLIGHT, ending=ending)
        cpu_s.append((client.process.cpu_s() - before_s) / len(ended) if ended else nan)
    served_s, refused_s = cpu_s
    return refused_s / served_s


async def _saturate(
    client: Client, requests: list[Request], *, seconds: float, in_flight: int, ending: Ending = Ending.IN_TIME
) -> tuple[list[Request], float]:
    """Keep so many of `requests` in flight, over and over, in a closed loop; begin none after `seconds`.

    Return those that ended like that, and how long it took until the last had ended.
    """
    coming, found = itertools.cycle(requests), []
    start = perf_counter()

    async def caller() -> None:
        while perf_counter() - start < seconds:
            request = next(coming)
            if await client.send(request, request.deadline_s) is ending:
                found.append(request)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return found, perf_counter() - start


async def _took_s(client: Client, request: Request) -> float:
    start = perf_counter()
    ending = await client.send(request, request.deadline_s)
    if ending is not Ending.IN_TIME:
        raise SystemExit(f"a request on its own was not served: {ending}")
    return perf_counter() - start

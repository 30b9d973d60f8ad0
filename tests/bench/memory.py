"""The growth of the memory of the service with the number of requests."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from math import log, nan
from random import Random

from service.bench.client import Client
from service.progress import Progress
from tests.bench.corpus import BenchRequest, question, text
from tests.bench.served import try_to_ask
from tests.soak.usage import Usage

_IN_FLIGHT = 8
_WORDS_MEDIAN, _WORDS_SIGMA, _WORDS_MAX = 12, 0.9, 600
_LONG, _WORDS_LONG = 0.05, 400  # Share of requests with a long text: the largest batches must come early.
_QUERY_WORDS_MAX = 30
_HASTY = 0.05  # Share of requests whose client leaves before the answer.
_HASTE_S, _PATIENCE_S = 0.002, 60.0


async def growth(client: Client, model: str, *, requests: int, seed: int, progress: Progress) -> float:
    """Return the memory of the service after `requests` mixed requests over its memory after a tenth of them.

    NaN without /proc.
    """
    mixed = _mixed(model, seed)
    await _ask(client, islice(mixed, requests // 10), f"of {requests // 10}", progress)
    before = _memory_mb(client)
    await _ask(client, islice(mixed, requests - requests // 10), f"of {requests - requests // 10} more", progress)
    return _memory_mb(client) / before


def _memory_mb(client: Client) -> float:
    """Return the resident memory of the process, in MB; NaN without /proc."""
    try:
        return Usage.of(client.process.pid or 0).memory_mb
    except OSError:
        return nan


async def _ask(client: Client, questions: Iterator[tuple[BenchRequest, float]], of: str, progress: Progress) -> None:
    """Send all requests, eight at a time, and wait for the last."""
    count = 0

    async def caller() -> None:
        nonlocal count
        for request, timeout_s in questions:
            count += 1
            progress.update(f"{count} {of}")
            await try_to_ask(client, request, timeout_s)

    await asyncio.gather(*(caller() for _ in range(_IN_FLIGHT)))
    progress.clear()


def _mixed(model: str, seed: int) -> Iterator[tuple[BenchRequest, float]]:
    """Draw requests with timeouts: mostly one or a few documents, at times dozens, from empty to over-long texts."""
    rng = Random(seed)
    while True:
        query = text(rng, rng.randint(1, _QUERY_WORDS_MAX))
        count = rng.choices((1, rng.randint(2, 10), rng.randint(11, 40)), (70, 26, 4))[0]
        lengths = [rng.lognormvariate(log(_WORDS_MEDIAN), _WORDS_SIGMA) for _ in range(count)]
        if rng.random() < _LONG:
            lengths[0] = rng.uniform(_WORDS_LONG, _WORDS_MAX)
        documents = [text(rng, min(round(length), _WORDS_MAX)) for length in lengths]
        yield question(model, query, documents), _HASTE_S if rng.random() < _HASTY else _PATIENCE_S

"""Whether the service grows with the requests it has seen."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from math import log, nan
from random import Random

from service.bench.client import Client
from service.progress import Progress
from tests.bench.corpus import Question, question, text
from tests.bench.served import try_to_ask
from tests.soak.usage import Usage

_IN_FLIGHT = 8
_WORDS_MEDIAN, _WORDS_SIGMA, _WORDS_MAX = 12, 0.9, 600
_LONG, _WORDS_LONG = 0.05, 400  # Of the requests, with a long text; often enough that the largest batches come early.
_QUERY_WORDS_MAX = 30
_HASTY = 0.05  # Of the requests: they leave before they can be answered.
_HASTE_S, _PATIENCE_S = 0.002, 60.0


async def growth(client: Client, model: str, *, requests: int, seed: int, progress: Progress) -> float:
    """Return what memory the service has after so many requests of all kinds, over that after a tenth of them.

    NaN where nobody tells.
    """
    mixed = _mixed(model, seed)
    await _ask(client, islice(mixed, requests // 10), f"of {requests // 10}", progress)
    before = _memory_mb(client)
    await _ask(client, islice(mixed, requests - requests // 10), f"of {requests - requests // 10} more", progress)
    return _memory_mb(client) / before


def _memory_mb(client: Client) -> float:
    """Return the memory that the process has, as far as it is not paged out; NaN where nobody tells."""
    try:
        return Usage.of(client.process.pid or 0).memory_mb
    except OSError:
        return nan


async def _ask(client: Client, questions: Iterator[tuple[Question, float]], of: str, progress: Progress) -> None:
    """Ask all of them, a few at a time, and wait for the last."""
    asked = 0

    async def caller() -> None:
        nonlocal asked
        for one, timeout_s in questions:
            asked += 1
            progress.update(f"{asked} {of}")
            await try_to_ask(client, one, timeout_s)

    await asyncio.gather(*(caller() for _ in range(_IN_FLIGHT)))
    progress.clear()


def _mixed(model: str, seed: int) -> Iterator[tuple[Question, float]]:
    """Draw questions, most of a document or two, some of dozens, of texts from nothing to more than the context."""
    chance = Random(seed)
    while True:
        query = text(chance, chance.randint(1, _QUERY_WORDS_MAX))
        count = chance.choices((1, chance.randint(2, 10), chance.randint(11, 40)), (70, 26, 4))[0]
        lengths = [chance.lognormvariate(log(_WORDS_MEDIAN), _WORDS_SIGMA) for _ in range(count)]
        if chance.random() < _LONG:
            lengths[0] = chance.uniform(_WORDS_LONG, _WORDS_MAX)
        documents = [text(chance, min(round(length), _WORDS_MAX)) for length in lengths]
        yield question(model, query, documents), _HASTE_S if chance.random() < _HASTY else _PATIENCE_S

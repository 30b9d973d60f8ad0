"""Whether the service grows with the requests it has seen."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from math import log
from random import Random

from service.bench.corpus import Question, question, text
from service.bench.served import Served
from service.progress import Progress

_IN_FLIGHT = 8
_WORDS_MEDIAN, _WORDS_SIGMA, _WORDS_MAX = 12, 0.9, 600
_LONG, _WORDS_LONG = 0.05, 400  # Of the requests, with a long text; often enough that the largest batches come early.
_QUERY_WORDS_MAX = 30
_HASTY = 0.05  # Of the requests: they leave before they can be answered.
_HASTE_S, _PATIENCE_S = 0.002, 60.0


async def growth(served: Served, model: str, *, requests: int, seed: int, progress: Progress) -> float:
    """Return what memory the service has after so many requests of all kinds, over that after a tenth of them.

    NaN where nobody tells.
    """
    mixed = _mixed(model, seed)
    await _ask(served, islice(mixed, requests // 10), f"of {requests // 10}", progress)
    before = served.memory_kb()
    await _ask(served, islice(mixed, requests - requests // 10), f"of {requests - requests // 10} more", progress)
    return served.memory_kb() / before


async def _ask(served: Served, questions: Iterator[tuple[Question, float]], of: str, progress: Progress) -> None:
    """Ask all of them, a few at a time, and wait for the last."""
    asked = 0

    async def caller() -> None:
        nonlocal asked
        for one, timeout_s in questions:
            asked += 1
            progress.update(f"{asked} {of}")
            await served.try_to_ask(one, timeout_s)

    await asyncio.gather(*(caller() for _ in range(_IN_FLIGHT)))
    progress.clear()


def _mixed(model: str, seed: int) -> Iterator[tuple[Question, float]]:
    """Draw questions, most of a document or two, some of dozens, of texts from nothing to more than the context."""
    chance = Random(seed)  # noqa: S311  # Texts, not secrets.
    while True:
        query = text(chance, chance.randint(1, _QUERY_WORDS_MAX))
        count = chance.choices((1, chance.randint(2, 10), chance.randint(11, 40)), (70, 26, 4))[0]
        lengths = [chance.lognormvariate(log(_WORDS_MEDIAN), _WORDS_SIGMA) for _ in range(count)]
        if chance.random() < _LONG:
            lengths[0] = chance.uniform(_WORDS_LONG, _WORDS_MAX)
        documents = [text(chance, min(round(length), _WORDS_MAX)) for length in lengths]
        yield question(model, query, documents), _HASTE_S if chance.random() < _HASTY else _PATIENCE_S

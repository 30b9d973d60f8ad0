"""The service in its own process, and requests to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import NamedTuple

import grpc
from rerank.v2 import rerank_pb2 as pb

from service.bench.client import Client
from service.bench.process import started
from tests.bench.corpus import BenchRequest

_PATIENCE_S = 100.0


class Answered(NamedTuple):
    """The responses to requests sent at the same time."""

    took_s: float
    """Seconds until the last response."""
    answers: list[bytes]
    """Serialised, in the order of the requests."""

    def scores(self) -> list[list[float]]:
        """Return the scores of each response, in the order of the documents."""
        return [
            [result.relevance_score for result in sorted(response.results, key=lambda result: result.index)]
            for response in map(pb.RerankResponse.FromString, self.answers)
        ]


@contextlib.asynccontextmanager
async def served(*program: str, **settings: object) -> AsyncIterator[Client]:
    """Start a server `program`, `rerankd serve` by default, and connect to it; stop it on exit."""
    with started(*program, **settings) as process:
        async with Client.connected(process) as client:
            yield client


async def ask(client: Client, questions: Sequence[BenchRequest]) -> Answered:
    """Send all requests at once. Raises AioRpcError."""
    start = perf_counter()
    answers = await asyncio.gather(*(client.answer(question.raw, _PATIENCE_S) for question in questions))
    return Answered(perf_counter() - start, answers)


async def try_to_ask(client: Client, question: BenchRequest, timeout_s: float) -> None:
    """Send a request, and ignore errors."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        await client.answer(question.raw, timeout_s)

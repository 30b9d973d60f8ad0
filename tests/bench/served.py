"""The service in a process of its own, asked for answers that are looked at afterwards."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import NamedTuple

import grpc
from rerank.v2 import rerank_pb2 as pb

from service.bench.client import Client
from service.bench.process import started
from tests.bench.corpus import Question

_PATIENCE_S = 100.0


class Answered(NamedTuple):
    """Some questions, asked at the same time."""

    took_s: float
    """Until the last answer was there."""
    answers: list[bytes]
    """In the order of the questions."""

    def scores(self) -> list[list[float]]:
        """Return the scores of each answer, in the order of the documents."""
        return [
            [result.relevance_score for result in sorted(response.results, key=lambda result: result.index)]
            for response in map(pb.RerankResponse.FromString, self.answers)
        ]


@contextlib.asynccontextmanager
async def served(*program: str, **settings: object) -> AsyncIterator[Client]:
    """Start a program that serves, `rerankd serve` unless told, and connect to it; stop it in the end."""
    with started(*program, **settings) as process:
        async with Client.connected(process) as client:
            yield client


async def ask(client: Client, questions: Sequence[Question]) -> Answered:
    """Ask all at once. Raises AioRpcError."""
    start = perf_counter()
    answers = await asyncio.gather(*(client.answer(question.raw, _PATIENCE_S) for question in questions))
    return Answered(perf_counter() - start, answers)


async def try_to_ask(client: Client, question: Question, timeout_s: float) -> None:
    """Ask, and take whatever comes."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        await client.answer(question.raw, timeout_s)

"""Asks by the client of this project, blocking and for asyncio, and fails once with each."""

import asyncio
import json
import os
import sys

from rerankd_client import AsyncRerankClient, Ranking, RerankClient, RerankError

TARGET, KEY = os.environ["SERVICE_GRPC"], os.environ["SERVICE_KEY"]
EXAMPLE = json.loads(os.environ["SERVICE_EXAMPLE"])
BAD = EXAMPLE | {"top_n": 0}


def rows(ranking: Ranking) -> list[tuple[int, float]]:
    return [(ranked.index, ranked.relevance_score) for ranked in ranking.results]


def blocking() -> tuple[object, str]:
    with RerankClient(TARGET, key=KEY) as client:
        ranking = client.rerank(**EXAMPLE)
        try:
            client.rerank(**BAD)
        except RerankError as error:
            return rows(ranking), error.reason


async def asynchronous() -> tuple[object, str]:
    async with AsyncRerankClient(TARGET, key=KEY) as client:
        ranking = await client.rerank(**EXAMPLE)
        try:
            await client.rerank(**BAD)
        except RerankError as error:
            return rows(ranking), error.reason


sys.stdout.write(json.dumps([blocking(), asyncio.run(asynchronous())]))

"""A sample of served scores, compared with the scores of the same pairs alone."""

import asyncio
from random import Random
from typing import NamedTuple

import httpx

from tests.process import RunningService
from tests.soak.question import Results, SoakRequest

_KEPT = 200
_AT_ONCE = 4


class ServedScore(NamedTuple):
    """A served score."""

    query: str
    document: str
    score: float


class Samples:
    """A reservoir sample of all served scores."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._seen = 0
        self._kept: list[ServedScore] = []

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, question: SoakRequest, results: Results) -> None:
        """Offer the scores of a response to the sample."""
        if not results:
            return
        index, score = self._rng.choice(results)
        found = ServedScore(question.query, question.documents[index], score)
        self._seen += 1
        if len(self._kept) < _KEPT:
            self._kept.append(found)
        elif (place := self._rng.randrange(self._seen)) < _KEPT:
            self._kept[place] = found

    async def wrong(self) -> int:
        """Return how many scores differ from those of another process, without a cache, for the same pairs alone."""
        service = await asyncio.to_thread(RunningService.start, cache_mb=0)
        turns = asyncio.Semaphore(_AT_ONCE)
        try:
            async with httpx.AsyncClient(timeout=60) as client:

                async def alone(sample: ServedScore) -> float:
                    fields = {"model": "rerank-v3.5", "query": sample.query, "documents": [sample.document]}
                    async with turns:
                        answer = await client.post(f"{service.http}/v2/rerank", json=fields)
                    score: float = answer.raise_for_status().json()["results"][0]["relevance_score"]
                    return score

                scores = await asyncio.gather(*map(alone, self._kept))
        finally:
            await asyncio.to_thread(service.stop)
        return sum(score != sample.score for score, sample in zip(scores, self._kept, strict=True))

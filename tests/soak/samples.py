"""Some of the scores that were answered, and whether they are those of the same pairs asked alone."""

import asyncio
from random import Random
from typing import NamedTuple

import httpx

from tests.process import RunningService
from tests.soak.question import Question, Results

_KEPT = 200
_AT_ONCE = 4


class Sample(NamedTuple):
    """A score that was answered."""

    query: str
    document: str
    score: float


class Samples:
    """Keeps a few of all scores, each as likely as the next answer's."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._seen = 0
        self._kept: list[Sample] = []

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, question: Question, results: Results) -> None:
        """Keep a score of an answer, perhaps."""
        if not results:
            return
        index, score = self._chance.choice(results)
        found = Sample(question.query, question.documents[index], score)
        self._seen += 1
        if len(self._kept) < _KEPT:
            self._kept.append(found)
        elif (place := self._chance.randrange(self._seen)) < _KEPT:
            self._kept[place] = found

    async def wrong(self) -> int:
        """Return how many scores another process, which remembers nothing, does not give to the same pairs alone."""
        service = await asyncio.to_thread(RunningService.start, cache_mb=0)
        turns = asyncio.Semaphore(_AT_ONCE)
        try:
            async with httpx.AsyncClient(timeout=60) as client:

                async def alone(sample: Sample) -> float:
                    fields = {"model": "rerank-v3.5", "query": sample.query, "documents": [sample.document]}
                    async with turns:
                        answer = await client.post(f"{service.http}/v2/rerank", json=fields)
                    score: float = answer.raise_for_status().json()["results"][0]["relevance_score"]
                    return score

                scores = await asyncio.gather(*map(alone, self._kept))
        finally:
            await asyncio.to_thread(service.stop)
        return sum(score != sample.score for score, sample in zip(scores, self._kept, strict=True))

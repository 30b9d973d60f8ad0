"""A score belongs to its pair alone, whatever else is scored meanwhile."""

import random
from concurrent.futures import ThreadPoolExecutor

from tests.clients import message, stub
from tests.examples import WORDS
from tests.process import RunningService


def _documents(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=round(rng.lognormvariate(3.5, 0.9)) + 1)) for _ in range(count)]


def _scores(service: RunningService, documents: list[str], priority: int = 0) -> dict[str, float]:
    with stub(service.grpc) as caller:
        answer = caller.Rerank(message(documents=documents, priority=priority), timeout=600)
    return {documents[r.index]: r.relevance_score for r in answer.results}


def test_a_score_is_the_same_alone_in_a_batch_under_load_and_cached(
    running: RunningService, uncached: RunningService
) -> None:
    """Sixty documents score alike to the last bit alone, together, reversed, while others are scored, and cached."""
    documents = _documents(60, 1)
    together = _scores(uncached, documents)
    alone = {document: _scores(uncached, [document])[document] for document in documents}
    backwards = _scores(uncached, documents[::-1])
    with ThreadPoolExecutor(6) as pool:
        crowd = [pool.submit(_scores, uncached, _documents(80, 100 + n), 500 + n) for n in range(5)]
        crowded = _scores(uncached, documents, 400)
        for other in crowd:
            other.result()
    _scores(running, documents[::2])
    assert together == alone == backwards == crowded == _scores(running, documents) == _scores(running, documents)

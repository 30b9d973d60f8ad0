"""A cached score answers like a computed one, without a worker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.access.caller import Caller
from service.engine.engine import Engine
from service.rerank.request import RerankRequest
from tests.unit.service.graphs import a_graph
from tests.unit.service.models import an_engine, tiny_table
from tests.unit.service.rerankers import RealReranker, until


@pytest.fixture
async def cached(tiny: Engine) -> AsyncIterator[RealReranker]:
    """Give a use case with a cache."""
    wired = RealReranker(tiny, cache_bytes=2**20)
    yield wired
    wired.executor.close()


async def test_a_repeated_request(cached: RealReranker):
    """A request that comes again is answered alike to the last bit, and no worker hears of it."""
    fresh = await cached.rerank("good", "bad", "good bad")
    again = await cached.rerank("good", "bad", "good bad", lane=999, client="bob")
    assert again.results == fresh.results
    assert (fresh.cached_tokens, again.cached_tokens) == (0, fresh.input_tokens)
    assert again.input_tokens == fresh.input_tokens
    assert cached.pairs_run == 3


async def test_known_in_part(cached: RealReranker):
    """Of a request that is known in part, the rest is scored; what was known is told in tokens."""
    known = await cached.rerank("good")
    found = await cached.rerank("bad", "good")
    assert found.cached_tokens == known.input_tokens
    assert found.results[0].index == 1
    assert found.results[0].relevance_score == known.results[0].relevance_score


async def test_other_queries(cached: RealReranker):
    """Another query is another pair."""
    await cached.rerank("good", query="q")
    assert (await cached.rerank("good", query="qq")).cached_tokens == 0


async def test_words_move_between_query_and_document(cached: RealReranker):
    """Pairs that are the same tokens, but divided otherwise, are not the same."""
    await cached.rerank("bad", query="good good")
    assert (await cached.rerank("good bad", query="good")).cached_tokens == 0


async def test_equal_documents_are_scored_once(tiny: Engine):
    """Documents that are equal share one pair, cache or not, and are counted each."""
    wired = RealReranker(tiny)
    result = await wired.rerank(*["good"] * 50, "bad")
    assert wired.pairs_run == 2
    assert [rank.index for rank in result.results] == [*range(51)]
    assert len({rank.relevance_score for rank in result.results[:50]}) == 1
    assert result.input_tokens == 50 * (await wired.rerank("good")).input_tokens + (
        (await wired.rerank("bad")).input_tokens
    )
    assert result.cached_tokens is None
    wired.executor.close()


async def test_a_request_that_was_given_up(tiny: Engine):
    """Scores of a request that did not come to an end are known when it comes again."""
    wired = RealReranker(tiny, cache_bytes=2**20, held=True)
    documents = [" ".join("good" if digit == "1" else "bad" for digit in f"{i:012b}") for i in range(1000)]
    asking = asyncio.create_task(wired.rerank(*documents))
    await until(lambda: wired.worker.busy == 1)
    wired.worker.release()
    await until(lambda: wired.worker.busy == 1)
    asking.cancel()
    await asyncio.wait([asking])
    wired.worker.release()
    await until(lambda: len(wired.reports) == 2)
    done = wired.pairs_run
    assert 0 < done < len(documents)
    wired.worker.held = False
    again = await wired.rerank(*documents)
    assert again.cached_tokens
    assert wired.pairs_run == len(documents)
    wired.executor.close()


async def test_a_failing_document_among_known_ones(tmp_path: Path):
    """A document without a score fails no request of which others are known already, however often it comes."""
    engine = an_engine(tmp_path / "tiny", graph=a_graph(tiny_table(bad=float("nan")), at=[3]))
    wired = RealReranker(engine, cache_bytes=2**20)
    for _ in range(2):
        result = await wired.rerank("bad", "good")
        assert [ranked.index for ranked in result.results] == [1, 0]
        assert result.warnings
    wired.executor.close()


async def test_separate_caches(tiny: Engine):
    """With separate caches, a client finds what it asked itself, under any name, and nothing of another's."""
    wired = RealReranker(tiny, cache_bytes=2**20, share_cache=False)
    request = RerankRequest("tiny", "q", ("good", "bad"))
    callers = (Caller("ann"), Caller("bob"), Caller("x", address="192.0.2.1"), Caller("y", address="192.0.2.1"))
    found = [await wired.ask(request, caller) for caller in callers]
    wired.executor.close()
    assert [result.cached_tokens for result in found] == [0, 0, 0, found[0].input_tokens]
    assert all(result.results == found[0].results for result in found)
    assert wired.pairs_run == 6

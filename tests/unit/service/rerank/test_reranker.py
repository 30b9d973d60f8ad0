"""Documents are ranked by the score of their best window, on a tiny model that scores the first word of each window."""

import asyncio
import re
import threading
from dataclasses import replace
from math import exp
from pathlib import Path

import pytest

from scheduler import Draining, Expired, ScoringFailed, Shed
from service.engine.engine import Engine
from service.errors import OutOfRangeError, UnknownModelError
from service.rerank.result import Ranked
from tests.fakes import settle
from tests.unit.service.graphs import a_graph
from tests.unit.service.models import LOGITS, WINDOW, an_engine, tiny_table
from tests.unit.service.rerankers import LIMITS, RealReranker, until

SCORES = {word: 1 / (1 + exp(-logit)) for word, logit in LOGITS.items()}


async def test_best_first(wired: RealReranker):
    """Documents come in order of relevance, each with its place in the request and its score."""
    result = await wired.rerank("bad", "best", "worst", "good", "fair")
    assert [ranked.index for ranked in result.results] == [1, 3, 4, 0, 2]
    expected = [SCORES[word] for word in ("best", "good", "fair", "bad", "worst")]
    assert [ranked.relevance_score for ranked in result.results] == pytest.approx(expected, abs=1e-12)


async def test_one_document(wired: RealReranker):
    """One document alone is scored too."""
    assert (await wired.rerank("fair")).results == [Ranked(0, 0.5)]


async def test_ties_by_index(wired: RealReranker):
    """Documents of the same relevance keep their order."""
    result = await wired.rerank("fair", "good", "fair", "good", "fair")
    assert [ranked.index for ranked in result.results] == [1, 3, 0, 2, 4]


@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_best_window_counts(place: int, wired: RealReranker):
    """A document is as relevant as the best of its windows, whichever it is."""
    windows = ["bad" for _ in range(4)]
    windows[place] = "best"
    document = " ".join(word + " q" * (WINDOW - 1) for word in windows)
    result = await wired.rerank("good", document)
    assert [ranked.index for ranked in result.results] == [1, 0]
    assert result.results[0].relevance_score == pytest.approx(SCORES["best"], abs=1e-12)


async def test_a_result_for_each_document_not_window(wired: RealReranker):
    """A document of many windows is one result."""
    result = await wired.rerank("bad " * 200, "good " * 300, "fair")
    assert [ranked.index for ranked in result.results] == [1, 2, 0]


@pytest.mark.parametrize(
    ("top_n", "indexes"), [(None, [2, 0, 1]), (1, [2]), (2, [2, 0]), (3, [2, 0, 1]), (99, [2, 0, 1])]
)
async def test_top_n(top_n: int | None, indexes: list[int], wired: RealReranker):
    """No more results than asked for come back, and no fewer than there are."""
    result = await wired.rerank("good", "bad", "best", top_n=top_n)
    assert [ranked.index for ranked in result.results] == indexes


@pytest.mark.parametrize("top_n", [1, 2])
async def test_top_n_of_ties(top_n: int, wired: RealReranker):
    """Of documents of the same relevance, the first ones stay."""
    result = await wired.rerank("bad", "fair", "fair", "fair", top_n=top_n)
    assert [ranked.index for ranked in result.results] == [1, 2][:top_n]


@pytest.mark.parametrize("number", [31, 32, 33, 64, 250])
async def test_many_documents(number: int, wired: RealReranker):
    """Documents that are tokenised in several parts keep their places."""
    documents = ["bad"] * number
    documents[number - 2] = "best"
    documents[0] = "good"
    result = await wired.rerank(*documents)
    assert [ranked.index for ranked in result.results][:3] == [number - 2, 0, 1]
    assert len(result.results) == number


async def test_large_documents(wired: RealReranker):
    """Documents too large to be tokenised together keep their places, and empty ones too."""
    documents = ["bad " * 20_000, "", "good " * 20_000, "best"]
    result = await wired.rerank(*documents, max_tokens_per_doc=5)
    assert [ranked.index for ranked in result.results] == [3, 2, 0, 1]


@pytest.mark.parametrize("name", ["tiny", "small", "other"])
async def test_names(name: str, wired: RealReranker):
    """A model answers to its name and to each alias."""
    assert await wired.rerank("good", model=name)


@pytest.mark.parametrize("name", ["", "Tiny", "tiny ", "rerank-v3.5", "x" * 10_000])
async def test_unknown_model(name: str, wired: RealReranker):
    """Any other name is refused, and the caller told the right ones."""
    with pytest.raises(UnknownModelError, match="tiny, small, other"):
        await wired.rerank("good", model=name)


async def test_too_many_documents(tiny: Engine):
    """More documents than the server takes are refused with both numbers; as many are not."""
    wired = RealReranker(tiny, limits=replace(LIMITS, documents_max=1000))
    with pytest.raises(OutOfRangeError) as caught:
        await wired.rerank(*["good"] * 1001)
    ((field, description),) = caught.value.violations
    assert field == "documents"
    assert re.findall(r"[\d,]*\d", description) == ["1,000", "1,001"]
    assert len((await wired.rerank(*["good"] * 1000)).results) == 1000
    wired.executor.close()


async def test_too_many_pairs(wired: RealReranker):
    """Documents that make more pairs than one request may have are refused for good."""
    with pytest.raises(OutOfRangeError) as caught:
        await wired.rerank(*["good " * (WINDOW * 100)] * 101)
    ((field, description),) = caught.value.violations
    assert field == "documents"
    assert "10,000" in description


async def test_deadline_has_passed(wired: RealReranker):
    """A request whose deadline has passed is not worked on."""
    with pytest.raises(Expired):
        await wired.rerank("good", seconds=-1)


async def test_deadline_passes_while_tokenising(wired: RealReranker):
    """A request whose deadline passes before it has been tokenised ends then, and leaves nothing behind."""
    gate = threading.Event()
    holder = asyncio.create_task(wired.executor.run(0, 0, gate.wait))
    await settle()
    asyncio.get_running_loop().call_later(0.05, gate.set)
    with pytest.raises(Expired):
        await wired.rerank("good", seconds=0.005)
    await holder
    assert wired.dispatcher.load().jobs == 0
    assert await wired.rerank("good")


async def test_refused_before_tokenising(wired: RealReranker):
    """A request that the scheduler would refuse costs no tokenising."""
    await wired.dispatcher.drain(0)
    gate = threading.Event()
    holder = asyncio.create_task(wired.executor.run(0, 0, gate.wait))
    await settle()
    with pytest.raises(Draining):
        await wired.rerank("good")
    assert not holder.done()
    gate.set()
    await holder


async def test_no_hope(wired: RealReranker):
    """A request that cannot be finished by its deadline is shed at once."""
    with pytest.raises(Shed):
        await wired.rerank(*["good " * 28] * 9000, seconds=0.5)


async def test_scoring_fails(tmp_path: Path):
    """A document that the model has no score for comes last, with a warning; alone, it fails its request."""
    engine = an_engine(tmp_path / "tiny", graph=a_graph(tiny_table(bad=float("nan")), at=[3]))
    wired = RealReranker(engine)
    result = await wired.rerank("bad", "worst", "bad", "good")
    assert [ranked.index for ranked in result.results] == [3, 1, 0, 2]
    assert [ranked.relevance_score for ranked in result.results[2:]] == [0, 0]
    (warning,) = result.warnings
    assert "documents 0, 2 " in warning
    assert [ranked.index for ranked in (await wired.rerank("bad", "good", top_n=1)).results] == [1]
    with pytest.raises(ScoringFailed):
        await wired.rerank("bad")
    wired.executor.close()


async def test_a_window_without_a_score(tmp_path: Path):
    """A document of which some windows have no score has that of the best of the others."""
    engine = an_engine(tmp_path / "tiny", graph=a_graph(tiny_table(bad=float("nan")), at=[3]))
    wired = RealReranker(engine)
    result = await wired.rerank("bad " * WINDOW + "good " * WINDOW, "good")
    assert len({ranked.relevance_score for ranked in result.results}) == 1
    assert result.warnings == []
    wired.executor.close()


async def test_caller_leaves_while_scoring(tiny: Engine):
    """A request whose caller leaves takes its waiting work along."""
    wired = RealReranker(tiny, held=True)
    running = asyncio.create_task(wired.rerank("good"))
    await until(lambda: wired.worker.busy == 1)
    leaving = asyncio.create_task(wired.rerank("good", "bad"))
    await until(lambda: wired.dispatcher.load().jobs == 2)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert wired.dispatcher.load().jobs == 1
    wired.worker.release()
    assert await running
    wired.executor.close()


async def test_urgent_request_is_tokenised_between_parts(wired: RealReranker):
    """An urgent request does not wait until all of a large one has been tokenised."""
    ended: list[str] = []

    async def ask(name: str, number: int, lane: int) -> None:
        await wired.rerank(*["good"] * number, lane=lane)
        ended.append(name)

    bulk = asyncio.create_task(ask("bulk", 1000, 999))
    await settle()
    await asyncio.gather(bulk, ask("urgent", 1, 0))
    assert ended == ["urgent", "bulk"]


async def test_long_texts_hold_up_nobody(wired: RealReranker):
    """A text that takes long to tokenise, as a document or as the query, leaves the thread to others."""
    gate = threading.Event()
    held = asyncio.create_task(wired.long_texts.run(0, 0, lambda: gate.wait(60)))
    sparse = " " * 100_000 + "good"
    waiting = [asyncio.create_task(wired.rerank(sparse)), asyncio.create_task(wired.rerank("good", query=sparse))]
    for _ in range(3):
        assert (await wired.rerank("fair")).results == [Ranked(0, 0.5)]
    assert not any(task.done() for task in waiting)
    gate.set()
    for task in waiting:
        assert len((await task).results) == 1
    await held

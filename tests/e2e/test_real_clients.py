"""The Cohere SDK works unchanged but for its base URL and key; `make test-clients` runs many more clients."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import cohere
import httpx
import pytest

from tests.examples import DOCUMENTS, QUERY, WASHINGTON
from tests.process import RunningService

KEY = "key-of-the-clients"
MODEL = "rerank-v3.5"

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a service that asks for a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"clients:{KEY}\n", encoding="utf-8")
    with RunningService.start(api_keys_file=keys) as service:
        yield service.http


@pytest.fixture(params=["Client", "ClientV2", "AsyncClientV2"])
def ask(request: pytest.FixtureRequest, base: str) -> Ask:
    """Return a function that asks with one of the SDK's clients."""

    async def by_client(*, key: str = KEY, **changes: object) -> Any:
        asked = {"model": MODEL, "query": QUERY, "documents": DOCUMENTS} | changes
        kind = getattr(cohere, request.param)
        if request.param.startswith("Async"):
            async with httpx.AsyncClient() as transport:
                return await kind(api_key=key, base_url=base, httpx_client=transport).rerank(**asked)
        with httpx.Client(timeout=600) as transport:
            return kind(api_key=key, base_url=base, httpx_client=transport).rerank(**asked)

    return by_client


async def test_each_client_gets_the_order_and_what_it_cost(ask: Ask) -> None:
    """All documents come back in order of relevance, and the cost where the SDK looks for it."""
    answer = await ask()
    scores = [result.relevance_score for result in answer.results]
    assert answer.results[0].index == WASHINGTON
    assert sorted(result.index for result in answer.results) == list(range(len(DOCUMENTS)))
    assert scores == sorted(scores, reverse=True)
    assert answer.meta.billed_units.search_units == 1


async def test_each_client_gets_no_more_results_than_it_asks_for(ask: Ask) -> None:
    """The best two of five are those of the whole order."""
    whole, best = await ask(), await ask(top_n=2)
    assert [result.index for result in best.results] == [result.index for result in whole.results[:2]]


@pytest.mark.parametrize("ask", ["Client"], indirect=True)
async def test_the_first_client_gets_documents_back(ask: Ask) -> None:
    """Objects are ranked by the fields that are named, and come back whole."""
    objects = [{"text": text, "number": str(number)} for number, text in enumerate(DOCUMENTS)]
    plain = await ask(return_documents=True)
    named = await ask(documents=objects, rank_fields=["text"], return_documents=True)
    assert [result.document.text for result in plain.results] == [DOCUMENTS[r.index] for r in plain.results]
    assert [result.document.number for result in named.results] == [str(r.index) for r in named.results]
    assert [r.relevance_score for r in named.results] == [r.relevance_score for r in plain.results]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        pytest.param({"key": "no-such-key"}, cohere.UnauthorizedError, "API key", id="bad key"),
        pytest.param({"model": "nobody"}, cohere.NotFoundError, MODEL, id="unknown model"),
        pytest.param({"query": ["no", "text"]}, cohere.BadRequestError, "query", id="bad body"),
        pytest.param({"top_n": 0}, cohere.UnprocessableEntityError, "top_n must be at least 1", id="out of range"),
    ],
)
async def test_each_client_raises_its_own_error(
    ask: Ask, changes: dict[str, object], error: type[Exception], said: str
) -> None:
    """An error has the SDK's own class for it, and the service's message."""
    with pytest.raises(error, match=said):
        await ask(**changes)

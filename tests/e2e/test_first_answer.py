"""The published example, over every door."""

from collections.abc import Iterator

import cohere
import httpx
import pytest

from tests.clients import message, post, stub
from tests.examples import DOCUMENTS, QUERY, WASHINGTON
from tests.process import RunningService


def test_the_published_example_is_answered_alike_over_both_apis(running: RunningService) -> None:
    """The Washington document comes first over gRPC and over REST, with scores equal to the last bit."""
    rest = post(running.http, top_n=3).json()
    with stub(running.grpc) as service:
        rpc = service.Rerank(message(top_n=3))
    assert rest["results"][0]["index"] == WASHINGTON
    assert len(rest["results"]) == 3
    assert [(r["index"], r["relevance_score"]) for r in rest["results"]] == [
        (r.index, r.relevance_score) for r in rpc.results
    ]


@pytest.fixture
def client(running: RunningService) -> Iterator[cohere.ClientV2]:
    """Give the client from the package index, with another base URL."""
    with httpx.Client(timeout=600) as transport:
        yield cohere.ClientV2(api_key="any", base_url=running.http, httpx_client=transport)


def test_the_stock_cohere_client_needs_only_another_base_url(client: cohere.ClientV2) -> None:
    """The client from the package index works unchanged."""
    answer = client.rerank(model="rerank-v3.5", query=QUERY, documents=DOCUMENTS, top_n=2)
    assert answer.results[0].index == WASHINGTON
    assert len(answer.results) == 2
    assert answer.meta
    assert answer.meta.billed_units
    assert answer.meta.billed_units.search_units == 1


def test_the_stock_cohere_client_raises_its_own_error_for_an_unknown_model(client: cohere.ClientV2) -> None:
    """An unknown model is the client's NotFoundError, with the reason in words."""
    with pytest.raises(cohere.NotFoundError) as caught:
        client.rerank(model="nobody", query=QUERY, documents=DOCUMENTS)
    assert "rerank-v3.5" in str(caught.value.body)

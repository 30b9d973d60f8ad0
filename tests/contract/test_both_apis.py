"""Both APIs give one request the same answer, in the promised order and shape, whatever else is scored with it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import pytest
from rerank.v2 import rerank_pb2 as pb

from tests.contract.clients import PATH, GrpcClient, changed
from tests.examples import DOCUMENTS, WASHINGTON
from tests.process import RunningService

TOWNS = [f"Town number {n} has {n * 37 % 101} schools, {n % 7} rivers and no harbour." for n in range(250)]
LONG = " ".join(TOWNS[:60])
"""More than the model reads in one pass."""

GOOD = {
    "plain": changed(documents=DOCUMENTS),
    "model-by-name": changed(model="minilm-rerank"),
    "top-n": changed(documents=DOCUMENTS, top_n=2),
    "top-n-beyond": changed(documents=DOCUMENTS, top_n=50),
    "one-document": changed(documents=DOCUMENTS[:1]),
    "max-tokens": changed(documents=DOCUMENTS, max_tokens_per_doc=5),
    "max-tokens-1": changed(documents=DOCUMENTS, max_tokens_per_doc=1),
    "windows": changed(documents=[DOCUMENTS[0], LONG, DOCUMENTS[1]]),
    "windows-truncated": changed(documents=[LONG, DOCUMENTS[0]], max_tokens_per_doc=700),
    "long-query": changed(query=LONG),
    "duplicates": changed(documents=[*DOCUMENTS, *DOCUMENTS[::-1], *DOCUMENTS]),
    "least-urgent": changed(documents=DOCUMENTS, priority=999),
    "empty-and-blank": changed(documents=["", " ", "\n", "\0", DOCUMENTS[0]]),
    "not-stripped": changed(documents=["capital", " capital ", "capital\n"]),
    "unicode": changed(
        query="¿Cuál es la capital de España? 首都",
        documents=["Madrid 🇪🇸", "東京は日本の首都です。", "e\u0301\u200d\u202e\ufeff", "Ελλάδα", "\U0010ffff"],
    ),
    "250-documents": changed(query="a town with rivers", documents=TOWNS),
}


class Asked(NamedTuple):
    """A request and its answer."""

    fields: dict[str, Any]
    body: dict[str, Any]


@pytest.fixture(scope="module")
def service(uncached: RunningService) -> RunningService:
    """Return a service that scores all that it is asked."""
    return uncached


def over_rest(client: httpx.Client, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as it came, without what is the same nowhere."""
    answer = client.post(PATH, json=dict(fields))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body.pop("id") == answer.headers["x-request-id"]
    return body


def as_json(response: pb.RerankResponse) -> dict[str, Any]:
    """Return a message in the form that REST answers in."""
    assert response.id
    meta: dict[str, Any] = {
        "api_version": {"version": response.meta.api_version.version},
        "billed_units": {"search_units": response.meta.billed_units.search_units},
        "tokens": {"input_tokens": response.meta.tokens.input_tokens},
    }
    if response.meta.warnings:
        meta["warnings"] = list(response.meta.warnings)
    return {
        "results": [{"index": r.index, "relevance_score": r.relevance_score} for r in response.results],
        "meta": meta,
    }


def scores(body: Mapping[str, Any]) -> dict[int, str]:
    """Return the scores to the last bit, by index."""
    return {result["index"]: result["relevance_score"].hex() for result in body["results"]}


@pytest.fixture(scope="module", params=GOOD)
def asked(request: pytest.FixtureRequest, rest: httpx.Client) -> Asked:
    """Ask for one thing after the other over REST."""
    fields = GOOD[request.param]
    return Asked(fields, over_rest(rest, fields))


def test_the_same_answer(asked: Asked, rpc: GrpcClient) -> None:
    """One request has one answer, to the last bit: over REST, in one message, and in a stream of several."""
    fields, body = asked
    documents = fields["documents"]
    split = len(documents) // 3
    first = fields | {"documents": documents[:split]}
    streamed = rpc.rerank_stream(first, [documents[split : 2 * split], [], documents[2 * split :]])
    assert as_json(rpc.rerank(fields)) == body
    assert as_json(streamed) == body
    assert as_json(rpc.rerank_stream(fields)) == body


def test_the_order(asked: Asked) -> None:
    """Results come by score descending, then index ascending, each document once, the first `top_n` of them."""
    fields, body = asked
    found = [(result["index"], result["relevance_score"]) for result in body["results"]]
    assert found == sorted(found, key=lambda pair: (-pair[1], pair[0]))
    assert all(0 <= score <= 1 for _, score in found)
    count = len(fields["documents"])
    assert len({index for index, _ in found}) == len(found) == min(fields.get("top_n", count), count)
    assert {index for index, _ in found} <= set(range(count))
    assert body["meta"]["billed_units"]["search_units"] == -(-count // 100)


def test_the_shape(rest: httpx.Client) -> None:
    """The body of an answer has these members and no others; what is absent is not null."""
    body = rest.post(PATH, json=changed(documents=DOCUMENTS, top_n=2)).json()
    id_, results = body.pop("id"), body["results"]
    assert isinstance(id_, str)
    assert id_
    assert all(isinstance(result.pop("relevance_score"), float) for result in results)
    tokens = body["meta"]["tokens"].pop("input_tokens")
    assert isinstance(tokens, int)
    assert tokens > 0
    assert body == {
        "results": [{"index": WASHINGTON}, {"index": results[1]["index"]}],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}, "tokens": {}},
    }


def test_the_shape_with_warnings(rest: httpx.Client) -> None:
    """Truncated texts are reported in sentences, under `meta`."""
    meta = over_rest(rest, GOOD["windows-truncated"] | {"query": LONG})["meta"]
    assert meta.keys() == {"api_version", "billed_units", "tokens", "warnings"}
    cut_query, cut_document = meta["warnings"]
    assert "query" in cut_query
    assert "document 0 " in cut_document
    assert "700 tokens" in cut_document


def test_ids_are_unique(rest: httpx.Client, rpc: GrpcClient) -> None:
    """No two answers share an id, whichever API gives them."""
    ids = [rest.post(PATH, json=changed()).json()["id"] for _ in range(5)] + [rpc.rerank().id for _ in range(5)]
    assert len(set(ids)) == len(ids)


def test_duplicates(rest: httpx.Client) -> None:
    """Equal documents score alike, come back each for itself in the order they were sent, and are all counted."""
    body = over_rest(rest, GOOD["duplicates"])
    found, count = scores(body), len(DOCUMENTS)
    for n in range(count):
        assert found[n] == found[2 * count - 1 - n] == found[2 * count + n]
    order = [result["index"] for result in body["results"]]
    for n in range(count):
        twins = [n, 2 * count - 1 - n, 2 * count + n]
        place = order.index(n)
        assert order[place : place + 3] == twins
    once = over_rest(rest, GOOD["plain"])
    assert body["meta"]["tokens"]["input_tokens"] == 3 * once["meta"]["tokens"]["input_tokens"]


def test_alone_and_in_company(rest: httpx.Client) -> None:
    """A document scores the same to the last bit alone, among others, and in any order."""
    texts = [*DOCUMENTS, "", LONG, *TOWNS[:20]]
    together = scores(over_rest(rest, changed(documents=texts)))
    backwards = scores(over_rest(rest, changed(documents=texts[::-1])))
    alone = {n: scores(over_rest(rest, changed(documents=[text])))[0] for n, text in enumerate(texts)}
    assert together == alone
    assert {len(texts) - 1 - n: score for n, score in backwards.items()} == alone


def test_windows(rest: httpx.Client) -> None:
    """A long document is read in windows, so that what is at its end counts; `max_tokens_per_doc` truncates it."""
    texts = [f"{LONG} {DOCUMENTS[WASHINGTON]}", LONG]
    read = over_rest(rest, changed(documents=texts))
    assert read["results"][0]["index"] == 0
    assert read["results"][0]["relevance_score"] > 2 * read["results"][1]["relevance_score"]
    assert read["meta"]["tokens"]["input_tokens"] > 3 * 512
    truncated = over_rest(rest, changed(documents=texts, max_tokens_per_doc=50))
    assert truncated["results"][0]["relevance_score"] == truncated["results"][1]["relevance_score"]
    assert [result["index"] for result in truncated["results"]] == [0, 1]
    (warning,) = truncated["meta"]["warnings"]
    assert "documents 0, 1 " in warning
    assert "50 tokens" in warning

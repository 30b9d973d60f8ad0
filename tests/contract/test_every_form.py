"""One request scores the same in every form of both APIs, with documents as texts and as objects."""

import struct
from collections.abc import Callable, Iterator
from math import exp
from typing import Any

import httpx
import pytest
from rerank.v2 import rerank_pb2
from tei.v1 import tei_pb2

from tests.contract.clients import GOOD, TIMEOUT_S, GrpcClient
from tests.contract.forms import FORMS, ranks
from tests.examples import DOCUMENTS
from tests.process import RunningService

LONG = " ".join(f"Town number {n} has {n * 37 % 101} schools and no harbour." for n in range(100))
"""More than the model reads in one pass."""
TEXTS = {
    "plain": DOCUMENTS,
    "one": DOCUMENTS[:1],
    "duplicates": [*DOCUMENTS, *DOCUMENTS[::-1]],
    "windows": [DOCUMENTS[0], LONG, DOCUMENTS[1]],
    "empty-and-blank": ["", " ", "\n", "\0", DOCUMENTS[0]],
    "not-stripped": ["capital", " capital ", "capital\n"],
    "like-yaml": ["text: a", "{text: a}", "- a\n- b", "'a'", "null", "5"],
    "unicode": ["Madrid 🇪🇸", "東京は日本の首都です。", "e\u0301\u200d\u202e\ufeff", "\U0010ffff"],
}
OBJECTS: dict[str, Callable[[str], object]] = {
    "text": lambda text: {"text": text},
    "text-and-null-image": lambda text: {"text": text, "image": None},
    "text-and-what-is-not-read": lambda text: {"id": 5, "text": text, "more": {"a": [1]}},
}
QUERY = GOOD["query"]


@pytest.fixture(scope="module")
def service(uncached: RunningService) -> RunningService:
    """Return a service that scores all that it is asked."""
    return uncached


def single(rank: tuple[int, str]) -> tuple[int, float]:
    """Return a rank in the precision that tei.v1 has."""
    index, score = rank
    (rounded,) = struct.unpack("f", struct.pack("f", float.fromhex(score)))
    return index, rounded


def ours(response: rerank_pb2.RerankResponse) -> list[tuple[int, str]]:
    """Return indexes and scores, to the last bit, in the order of an answer of rerank.v2."""
    return [(result.index, result.relevance_score.hex()) for result in response.results]


def theirs(response: tei_pb2.RerankResponse) -> list[tuple[int, float]]:
    """Return the same of an answer of tei.v1."""
    return [(rank.index, rank.score) for rank in response.ranks]


def parts(texts: list[str], **options: Any) -> Iterator[tei_pb2.RerankStreamRequest]:
    """Yield a request as the messages of a stream of tei.v1."""
    for text in texts:
        yield tei_pb2.RerankStreamRequest(query=QUERY, text=text, **options)


@pytest.fixture(params=TEXTS)
def texts(request: pytest.FixtureRequest) -> list[str]:
    """Return the texts of one request after the other."""
    return TEXTS[request.param]


def test_the_same_scores(texts: list[str], rest: httpx.Client, rpc: GrpcClient, tei: Any) -> None:
    """One request has the same order and scores in every form: to the last bit, or the last that tei.v1 has."""
    expected = ours(rpc.rerank(GOOD | {"documents": texts}))
    assert len(expected) == len(texts)
    assert ours(rpc.rerank_stream(GOOD | {"documents": texts[:1]}, [[], texts[1:]])) == expected
    for form in FORMS.values():
        assert ranks(form.post(rest, form.body(documents=texts))) == expected
    rounded = [single(rank) for rank in expected]
    assert theirs(tei.Rerank(tei_pb2.RerankRequest(query=QUERY, texts=texts), timeout=TIMEOUT_S)) == rounded
    assert theirs(tei.RerankStream(parts(texts), timeout=TIMEOUT_S)) == rounded


@pytest.mark.parametrize("name", OBJECTS)
def test_texts_in_objects(name: str, texts: list[str], rest: httpx.Client) -> None:
    """A text scores the same to the last bit within an object that comes down to it, alone or among texts."""
    expected = ranks(FORMS["v2"].post(rest, FORMS["v2"].body(documents=texts)))
    objects = [OBJECTS[name](text) for text in texts]
    for form in FORMS.values():
        chosen = {"rank_fields": ["text"]} if "rank_fields" in form.fields else {}
        if not form.objects or (name == "text-and-what-is-not-read" and not chosen):
            continue
        assert ranks(form.post(rest, form.body(documents=objects, **chosen))) == expected
        assert ranks(form.post(rest, form.body(documents=[objects[0], *texts[1:]], **chosen))) == expected


def test_raw_scores(texts: list[str], rest: httpx.Client, tei: Any) -> None:
    """Logits are the same in both forms that have them, and make the scores."""
    form = FORMS["tei"]
    expected = ranks(form.post(rest, form.body(documents=texts, raw_scores=True)))
    rounded = [single(rank) for rank in expected]
    request = tei_pb2.RerankRequest(query=QUERY, texts=texts, raw_scores=True)
    assert theirs(tei.Rerank(request, timeout=TIMEOUT_S)) == rounded
    assert theirs(tei.RerankStream(parts(texts, raw_scores=True), timeout=TIMEOUT_S)) == rounded
    made = [(index, 1 / (1 + exp(-float.fromhex(logit)))) for index, logit in expected]
    scores = {index: float.fromhex(score) for index, score in ranks(form.post(rest, form.body(documents=texts)))}
    assert [score for _, score in made] == pytest.approx([scores[index] for index, _ in made])

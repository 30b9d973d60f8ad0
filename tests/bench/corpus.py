"""Random requests with documents as long as passages of the web, none repeated."""

from collections.abc import Iterator
from math import log
from random import Random
from typing import NamedTuple

from rerank.v2 import rerank_pb2 as pb

from service.bench.workload import VOCABULARY

_QUERY_WORDS = 12
_MEDIAN, _SIGMA = 88, 0.85
_WORDS_MAX = 497
"""With the query and three special tokens, a pair has 137 tokens on average, a median of 103, and at most 512."""


class BenchRequest(NamedTuple):
    """A request, as texts and serialised."""

    query: str
    documents: list[str]
    raw: bytes
    """Serialised `RerankRequest`."""


def questions(model: str, documents: int, seed: int) -> Iterator[BenchRequest]:
    """Draw an endless stream of requests with `documents` documents each."""
    rng = Random(seed)
    while True:
        query = text(rng, _QUERY_WORDS)
        yield question(model, query, [text(rng, _length(rng)) for _ in range(documents)])


def question(model: str, query: str, documents: list[str]) -> BenchRequest:
    """Return the request with its serialised form."""
    raw = pb.RerankRequest(model=model, query=query, documents=documents).SerializeToString()
    return BenchRequest(query, documents, raw)


def text(rng: Random, words: int) -> str:
    """Draw a text of `words` words."""
    return " ".join(rng.choices(VOCABULARY, k=words))


def _length(rng: Random) -> int:
    return min(max(round(rng.lognormvariate(log(_MEDIAN), _SIGMA)), 1), _WORDS_MAX)

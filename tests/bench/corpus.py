"""Questions with documents as long as passages of the web are, no two of them alike."""

from collections.abc import Iterator
from math import log
from random import Random
from typing import NamedTuple

from rerank.v2 import rerank_pb2 as pb

from service.bench.workload import VOCABULARY

_QUERY_WORDS = 12
_MEDIAN, _SIGMA = 88, 0.85
_WORDS_MAX = 497
"""With the query and three special tokens, a pair has 137 tokens in the mean, 103 in the median, and 512 at most."""


class Question(NamedTuple):
    """A query with documents, and the message that asks it."""

    query: str
    documents: list[str]
    raw: bytes
    """The message, serialised."""


def questions(model: str, documents: int, seed: int) -> Iterator[Question]:
    """Draw questions of so many documents, without end; each word is a token to most tokenisers of English."""
    chance = Random(seed)
    while True:
        query = text(chance, _QUERY_WORDS)
        yield question(model, query, [text(chance, _length(chance)) for _ in range(documents)])


def question(model: str, query: str, documents: list[str]) -> Question:
    """Return a question with its message."""
    raw = pb.RerankRequest(model=model, query=query, documents=documents).SerializeToString()
    return Question(query, documents, raw)


def text(chance: Random, words: int) -> str:
    """Draw a text of so many words."""
    return " ".join(chance.choices(VOCABULARY, k=words))


def _length(chance: Random) -> int:
    return min(max(round(chance.lognormvariate(log(_MEDIAN), _SIGMA)), 1), _WORDS_MAX)

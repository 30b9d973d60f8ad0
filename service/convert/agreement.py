"""How far two models agree."""

import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from math import isnan
from random import Random
from typing import TypeVar

from service.convert.questions import Question
from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.logit import logit
from service.engine.pair_layout import EncodedPair

T = TypeVar("T")

_BATCH = 4


@dataclass(frozen=True)
class Agreement:
    """How far the scores of one model are those of another."""

    correlation: float
    """Pearson's, of the logits."""
    difference_max: float
    """Of scores, which are from 0 to 1."""
    difference_mean: float
    order: float
    """Share of the pairs of documents of one query that stand in the same order."""
    top: float
    """Share of the queries that have the same best document."""


class Trial:
    """Pairs that models are compared on."""

    def __init__(self, engine: Engine, questions: Sequence[Question]) -> None:
        """Encode what `engine` reads of each document in one pass."""
        self._pairs: list[EncodedPair] = []
        self._sizes = [len(question.documents) for question in questions]
        for question in questions:
            query = engine.query(question.query)
            self._pairs += engine.encode(query, question.documents, query.window).pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def scores(self, engine: Engine) -> list[float]:
        """Return the score of each pair, alone. Raises ModelError if it is none."""
        with ThreadPoolExecutor() as threads:
            found = [score for (score,) in threads.map(lambda pair: engine.score([pair]), self._pairs)]
        if any(map(isnan, found)):
            raise ModelError("the model answers with no number for some of the pairs")
        return found

    def moved(self, engine: Engine, alone: Sequence[float]) -> float:
        """Return by how much a score that is `alone` changes at most among others; 0 says: not by one bit."""
        places = list(range(len(self._pairs)))
        Random(1).shuffle(places)  # noqa: S311  # Nothing secret.
        batches = [places[start : start + _BATCH] for start in range(0, len(places), _BATCH)]
        with ThreadPoolExecutor() as threads:
            found = threads.map(lambda batch: engine.score([self._pairs[place] for place in batch]), batches)
            return max(
                abs(score - alone[place])
                for batch, scores in zip(batches, found, strict=True)
                for place, score in zip(batch, scores, strict=True)
            )

    def agreement(self, one: Sequence[float], other: Sequence[float]) -> Agreement:
        """Return how far scores agree with others. Raises ModelError if there is nothing to compare."""
        differences = [abs(a - b) for a, b in zip(one, other, strict=True)]
        try:
            correlation = statistics.correlation(list(map(logit, one)), list(map(logit, other)))
        except statistics.StatisticsError:
            raise ModelError("the model gives all pairs the same score") from None
        ordered = [(a > b) == (c > d) and c != d for (a, c), (b, d) in self._rivals(one, other) if a != b]
        best = [a.index(max(a)) == b.index(max(b)) for a, b in zip(self._split(one), self._split(other), strict=True)]
        return Agreement(
            correlation,
            max(differences),
            statistics.fmean(differences),
            statistics.fmean(ordered or [True]),
            statistics.fmean(best),
        )

    def _rivals(self, one: Sequence[float], other: Sequence[float]) -> Iterator[tuple[tuple[float, float], ...]]:
        """Return all pairs of documents of one query, each with both scores."""
        for scores in self._split(list(zip(one, other, strict=True))):
            yield from combinations(scores, 2)

    def _split(self, values: Sequence[T]) -> Iterator[Sequence[T]]:
        """Return the values of each query."""
        start = 0
        for size in self._sizes:
            yield values[start : start + size]
            start += size

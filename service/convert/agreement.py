"""Comparison of the scores of two models."""

import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from math import isnan
from random import Random
from typing import TYPE_CHECKING, TypeVar

from service.convert.questions import Question
from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.logit import logit

if TYPE_CHECKING:
    from service.engine.pair_layout import EncodedPair

T = TypeVar("T")

_BATCH = 4


@dataclass(frozen=True)
class Agreement:
    """The agreement between the scores of two models."""

    correlation: float
    """Pearson correlation of the logits."""
    difference_max: float
    """Largest absolute difference of scores, in [0, 1]."""
    difference_mean: float
    """Mean absolute difference of scores, in [0, 1]."""
    order: float
    """Share of the pairs of documents of one query that both models rank in the same order."""
    top: float
    """Share of the queries for which both models rank the same document first."""


class Trial:
    """The pairs on which models are compared."""

    def __init__(self, engine: Engine, questions: Sequence[Question]) -> None:
        """Encode each document, truncated to one pass of `engine`."""
        self._pairs: list[EncodedPair] = []
        self._sizes = [len(question.documents) for question in questions]
        for question in questions:
            query = engine.query(question.query)
            self._pairs += engine.encode(query, question.documents, query.window).pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def scores(self, engine: Engine) -> list[float]:
        """Return the score of each pair, run alone. Raises ModelError if one is NaN."""
        with ThreadPoolExecutor() as threads:
            scores = [score for (score,) in threads.map(lambda pair: engine.score([pair]), self._pairs)]
        if any(map(isnan, scores)):
            raise ModelError("the model returns NaN for some of the pairs")
        return scores

    def moved(self, engine: Engine, alone: Sequence[float]) -> float:
        """Return the largest difference between a score in a batch and the same score `alone`; 0 means bit-identical.

        Batches hold four pairs in random order.
        """
        order = list(range(len(self._pairs)))
        Random(1).shuffle(order)  # noqa: S311  # Not a secret.
        batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        with ThreadPoolExecutor() as threads:
            results = threads.map(lambda batch: engine.score([self._pairs[index] for index in batch]), batches)
            return max(
                abs(score - alone[index])
                for batch, scores in zip(batches, results, strict=True)
                for index, score in zip(batch, scores, strict=True)
            )

    def agreement(self, one: Sequence[float], other: Sequence[float]) -> Agreement:
        """Compare the scores of two models. Raises ModelError if one gives all pairs the same score."""
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
        """Return each pair of documents of the same query; a document is its two scores."""
        for scores in self._split(list(zip(one, other, strict=True))):
            yield from combinations(scores, 2)

    def _split(self, values: Sequence[T]) -> Iterator[Sequence[T]]:
        """Split `values`, one per pair, by query."""
        start = 0
        for size in self._sizes:
            yield values[start : start + size]
            start += size

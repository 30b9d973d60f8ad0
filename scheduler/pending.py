"""A pending job: the results of its pairs so far, and its own result in the end."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from scheduler.errors import ScoringFailed

_FAILED_MAX = 10  # Pairs of a job that the engine may fail on; beyond that, the engine is at fault, not a pair.

T = TypeVar("T")


class JobResult(NamedTuple):
    """The result of a finished job."""

    scores: list[float | None]
    """One a pair, in the order submitted; None where the engine failed on a pair."""
    wait_s: float
    """From admission until the first pair reached a worker."""
    failure: BaseException | None
    """The last exception of the engine for one of its pairs."""


class PendingJob(Generic[T]):
    """The pairs of an admitted job, and their results so far."""

    __slots__ = ("_admitted_at", "_failed", "_failure", "_missing", "_pairs", "_scores", "_started_at")

    def __init__(self, pairs: Sequence[T], now: float) -> None:
        self._pairs = pairs
        self._scores: list[float | None] = [None] * len(pairs)
        self._missing = len(pairs)
        self._failed = 0
        self._failure: BaseException | None = None
        self._admitted_at = now
        self._started_at: float | None = None

    def take(self, pairs: Sequence[int], now: float) -> list[T]:
        """Return the pairs at some positions, which go to a worker now."""
        if self._started_at is None:
            self._started_at = now
        return [self._pairs[i] for i in pairs]

    def put(self, pairs: Sequence[int], results: Sequence[float | BaseException]) -> JobResult | ScoringFailed | None:
        """Record the results of the pairs at some positions. Return the result of the job if it ends with them."""
        self._missing -= len(pairs)
        for i, result in zip(pairs, results, strict=True):
            if isinstance(result, BaseException):
                self._failed += 1
                self._failure = result
            else:
                self._scores[i] = result
        if self._failed > _FAILED_MAX:
            error = ScoringFailed(ScoringFailed.__doc__)
            error.__cause__ = self._failure
            return error
        if self._missing:
            return None
        wait_s = (self._started_at or self._admitted_at) - self._admitted_at
        return JobResult(self._scores, wait_s, self._failure)

"""What becomes of the pairs of a job."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from scheduler.errors import ScoringFailed

_FAILED_MAX = 10  # Pairs of a job that the engine may fail on; with more, it is the engine that is at fault.

T = TypeVar("T")


class JobResult(NamedTuple):
    """What a finished job brought."""

    scores: list[float | None]
    """One a pair, in the order submitted; None where the engine failed on a pair."""
    wait_s: float
    """From admission until the first pair reached a worker."""
    failure: BaseException | None
    """What the engine raised last of a pair."""


class PendingJob(Generic[T]):
    """The pairs of an admitted job, and what has come of them so far."""

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
        """Return some of the pairs, which go to a worker now."""
        if self._started_at is None:
            self._started_at = now
        return [self._pairs[i] for i in pairs]

    def put(self, pairs: Sequence[int], results: Sequence[float | BaseException]) -> JobResult | ScoringFailed | None:
        """Note the scores of some of the pairs, or what went wrong with them; return how the job ends, if it does."""
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

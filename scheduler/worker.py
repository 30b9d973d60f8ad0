"""Scores a batch on a worker thread; a pair that fails takes none of its batch with it."""

from collections.abc import Callable, Sequence
from math import isfinite
from time import perf_counter
from typing import NamedTuple, TypeVar

_TRIES = 3  # Runs of a single pair, each with a longer limit, that the watchdog may stop before the pair has failed.

T = TypeVar("T")


class Abort:
    """Lets the event loop stop a run on a worker thread.

    The thread arms it before each run with a function that stops that run; the loop fires it. A run that cannot be
    stopped does not arm it. To fire twice, or between runs, is fine.
    """

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self.fired = 0
        """Number of calls of `fire`."""

    def arm(self, stop: Callable[[], None]) -> None:
        """Have `stop` called, from another thread, if the run that begins now is to be stopped."""
        self._stop = stop

    def fire(self) -> None:
        """Stop the present run, which then fails like one that raised."""
        self.fired += 1
        if self._stop:
            self._stop()


class Scores(NamedTuple):
    """The scores of pairs, and how many of the pairs the model ran for them."""

    values: Sequence[float]
    """One finite number for each pair."""
    pairs_run: int
    """Fewer than there are pairs where scores were in a cache: the time then says nothing of the whole batch."""


Score = Callable[[Sequence[T], Abort], Scores]
"""Scores pairs on any thread; may raise."""


class Ran(NamedTuple):
    """The outcome of a batch."""

    results: list[float | BaseException]
    """The score of each pair, or the exception it failed with."""
    took_s: float
    whole: bool
    """True if one run scored all pairs; otherwise `took_s` is not the time of such a batch."""


def score_all(score: Score[T], pairs: Sequence[T], abort: Abort) -> Ran:
    """Score a batch. Never raises: the exception of a pair is its result."""
    start = perf_counter()
    results, whole = _bisect(score, pairs, abort)
    return Ran(results, perf_counter() - start, whole)


def _bisect(
    score: Score[T], pairs: Sequence[T], abort: Abort, tries: int = _TRIES
) -> tuple[list[float | BaseException], bool]:
    """Score pairs together; if that fails, halve them until the pair at fault is alone.

    Return the results, and whether one run scored all pairs.
    """
    fired = abort.fired
    try:
        scores = _checked(score(pairs, abort), len(pairs))
        return list(scores.values), scores.pairs_run == len(pairs)
    except BaseException as error:  # noqa: BLE001  # Whatever the engine raises concerns its pairs, never the worker.
        if len(pairs) > 1:
            half = len(pairs) // 2
            (first, _), (second, _) = _bisect(score, pairs[:half], abort), _bisect(score, pairs[half:], abort)
            return first + second, False
        if abort.fired > fired and tries > 1:
            return _bisect(score, pairs, abort, tries - 1)[0], False
        return [error], False


def _checked(scores: Scores, count: int) -> Scores:
    """Return `scores` if they are `count` finite numbers. Raises ValueError."""
    if len(scores.values) != count or not all(map(isfinite, scores.values)):
        raise ValueError(f"{len(scores.values)} scores for {count} pairs, or some of them not finite")
    return scores

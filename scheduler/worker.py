"""What runs on a worker thread."""

from collections.abc import Callable, Sequence
from math import isfinite
from time import perf_counter
from typing import NamedTuple, TypeVar

from scheduler.abort import Abort

_TRIES = 3  # Runs a pair alone gets if they are stopped, each longer than the one before, until it is taken to hang.

T = TypeVar("T")
Score = Callable[[Sequence[T], Abort], Sequence[float]]
"""Returns one finite number for each pair, from any thread."""


class Ran(NamedTuple):
    """How a batch went."""

    results: list[float | BaseException]
    """The score of each pair, or what went wrong with it."""
    took_s: float
    whole: bool
    """Whether all of it went at the first try: then the time says what such a batch takes."""


def score_all(score: Score[T], pairs: Sequence[T], abort: Abort) -> Ran:
    """Score a batch on a worker thread."""
    start = perf_counter()
    results, whole = _bisect(score, pairs, abort)
    return Ran(results, perf_counter() - start, whole and not abort.partial)


def _bisect(
    score: Score[T], pairs: Sequence[T], abort: Abort, tries: int = _TRIES
) -> tuple[list[float | BaseException], bool]:
    """Score pairs together; if that fails, halve them until the pair at fault is alone.

    Return the scores, or what went wrong with a pair, and whether they went at the first try.
    """
    fired = abort.fired
    try:
        return list(_scored(score, pairs, abort)), True
    except BaseException as error:  # noqa: BLE001  # Whatever the engine raises concerns its pairs, never the worker.
        if len(pairs) > 1:
            half = len(pairs) // 2
            (left, _), (right, _) = _bisect(score, pairs[:half], abort), _bisect(score, pairs[half:], abort)
            return left + right, False
        if abort.fired > fired and tries > 1:
            return _bisect(score, pairs, abort, tries - 1)[0], False
        return [error], False


def _scored(score: Score[T], pairs: Sequence[T], abort: Abort) -> Sequence[float]:
    """Return the scores of `pairs`; raise ValueError rather than let a wrong number of them, or a NaN, out."""
    scores = score(pairs, abort)
    if len(scores) != len(pairs) or not all(map(isfinite, scores)):
        raise ValueError(f"{len(scores)} scores for {len(pairs)} pairs, or some of them not finite")
    return scores

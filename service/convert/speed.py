"""Speed of two models, measured in turn."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from service.engine.engine import Engine

_SHAPES = ((1, 64), (8, 128), (2, 512))
"""Batches as (pairs, tokens)."""
_ROUNDS = 7


@dataclass(frozen=True)
class BatchTimes:
    """Median time of a batch on one core, before and after a conversion."""

    pairs: int
    length: int
    before_s: float
    after_s: float

    @property
    def ratio(self) -> float:
        """Speed-up of the conversion."""
        return self.before_s / self.after_s


def speeds(before: Engine, after: Engine, step: Callable[[str], None]) -> Iterator[BatchTimes]:
    """Measure each batch that fits the context. Both models take turns, so that other load affects both alike."""
    for pairs, length in _SHAPES:
        if length > before.context:
            continue
        step(f"speed: {pairs} x {length} tokens")
        batch = [before.sample(length)] * pairs
        took_s: tuple[list[float], list[float]] = [], []
        for turn in range(_ROUNDS + 1):
            for engine, times in zip((before, after), took_s, strict=True):
                start = perf_counter()
                engine.score(batch)
                if turn:  # The first turn runs with cold caches.
                    times.append(perf_counter() - start)
        yield BatchTimes(pairs, length, *map(statistics.median, took_s))

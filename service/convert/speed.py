"""How much faster one model is than another."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from service.engine.engine import Engine

_SHAPES = ((1, 64), (8, 128), (2, 512))
"""Pairs in a batch, and their length."""
_ROUNDS = 7


@dataclass(frozen=True)
class Speed:
    """What a batch takes on one core."""

    pairs: int
    length: int
    before_s: float
    after_s: float

    @property
    def ratio(self) -> float:
        """How many times faster it has become."""
        return self.before_s / self.after_s


def speeds(before: Engine, after: Engine, step: Callable[[str], None]) -> Iterator[Speed]:
    """Measure both at each shape that fits, turn by turn, so that whatever disturbs the one disturbs the other."""
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
                if turn:  # The first finds everything cold.
                    times.append(perf_counter() - start)
        yield Speed(pairs, length, *map(statistics.median, took_s))

"""How well the service knows what a batch takes."""

from collections.abc import Sequence
from random import Random
from statistics import mean, median
from time import perf_counter

from scheduler import CostModel
from service.engine import EncodedPair, Engine

TOKENS_MAX = 1100
"""Of the batches that are looked at, padding included."""
_TRIES = 5


def error(engine: Engine, pairs: Sequence[EncodedPair], chance: Random) -> float:
    """Return the mean relative error of a cost model fitted as at start, on a batch of each pair, some times over.

    Each batch runs on its own, a few times in turn with all others; the median time counts.
    """
    cost = CostModel.fit(engine.warm_up())
    batches = [[pair] * chance.randint(1, max(TOKENS_MAX // pair.tokens, 1)) for pair in pairs]
    took_s: list[list[float]] = [[] for _ in batches]
    for _ in range(_TRIES):
        for batch, seconds in zip(batches, took_s, strict=True):
            start = perf_counter()
            engine.score(batch)
            seconds.append(perf_counter() - start)
    told = (cost.batch(len(batch), batch[0].tokens) for batch in batches)
    return mean(abs(told_s / median(seconds) - 1) for told_s, seconds in zip(told, took_s, strict=True))

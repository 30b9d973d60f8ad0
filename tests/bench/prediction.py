"""How well the service knows what a batch takes."""

from collections.abc import Sequence
from random import Random
from statistics import mean, median
from time import perf_counter

from scheduler import CostModel, Sample
from service.engine.engine import Engine
from service.engine.pair_layout import EncodedPair

TOKENS_MAX = 1100
"""Of the batches that are looked at, padding included."""
_TURNS = 5


def error(engine: Engine, pairs: Sequence[EncodedPair], chance: Random) -> float:
    """Return the mean relative error of the cost model on a batch of each pair, some times over.

    It is fitted as at start, and learns from each run as in service, which follows a machine that changes its speed.
    The batches run in turns, and what each took is the median.
    """
    cost = CostModel.fit(engine.warm_up())
    batches = [[pair] * chance.randint(1, max(TOKENS_MAX // pair.tokens, 1)) for pair in pairs]
    took_s: list[list[float]] = [[] for _ in batches]
    for _ in range(_TURNS):
        for batch, seconds in zip(batches, took_s, strict=True):
            start = perf_counter()
            engine.score(batch)
            seconds.append(perf_counter() - start)
            cost.learn(Sample(len(batch), batch[0].tokens, seconds[-1]))
    told = (cost.batch(len(batch), batch[0].tokens) for batch in batches)
    return mean(abs(told_s / median(seconds) - 1) for told_s, seconds in zip(told, took_s, strict=True))

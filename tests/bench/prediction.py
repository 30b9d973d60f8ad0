"""The error of the cost model's predictions."""

from collections.abc import Sequence
from random import Random
from statistics import mean, median
from time import perf_counter

from scheduler import CostModel, Sample
from service.engine.engine import Engine
from service.engine.pair_layout import EncodedPair

TOKENS_MAX = 1100
"""Most tokens of a batch, with padding."""
_TURNS = 5


def error(engine: Engine, pairs: Sequence[EncodedPair], rng: Random) -> float:
    """Return the mean relative error of the cost model on batches of random size, one for each pair.

    As in the service, the model is fitted to the warm-up, and learns from each run. The batches run in turns. The
    predictions at the end are compared with the median times.
    """
    cost = CostModel.fit(engine.warm_up())
    batches = [[pair] * rng.randint(1, max(TOKENS_MAX // pair.tokens, 1)) for pair in pairs]
    took_s: list[list[float]] = [[] for _ in batches]
    for _ in range(_TURNS):
        for batch, seconds in zip(batches, took_s, strict=True):
            start = perf_counter()
            engine.score(batch)
            seconds.append(perf_counter() - start)
            cost.learn(Sample(len(batch), batch[0].tokens, seconds[-1]))
    predictions = (cost.batch(len(batch), batch[0].tokens) for batch in batches)
    return mean(abs(predicted / median(seconds) - 1) for predicted, seconds in zip(predictions, took_s, strict=True))

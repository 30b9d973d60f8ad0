"""How well the service knows what a batch takes."""

from random import Random
from statistics import mean
from time import perf_counter

from scheduler import CostModel
from service.engine import EncodedPair, Engine

TOKENS_MAX = 1100
"""Of the batches that are looked at, padding included."""
_TRIES = 3
_LENGTH_MIN = 16


def error(engine: Engine, batches: int, chance: Random) -> float:
    """Return the mean relative error of a cost model fitted as at start, on so many batches of all shapes.

    Each runs on its own, a few times; the least time counts.
    """
    cost = CostModel.fit(engine.warm_up())
    query = engine.query("a")
    errors = []
    for _ in range(batches):
        length = chance.randint(_LENGTH_MIN, min(engine.context, TOKENS_MAX))
        pair = engine.encode(query, ["a " * length], max(length - len(query.head) - 1, 1)).pairs[0]
        pairs = [pair] * chance.randint(1, TOKENS_MAX // pair.tokens)
        took_s = min(_took_s(engine, pairs) for _ in range(_TRIES))
        errors.append(abs(cost.batch(len(pairs), pair.tokens) / took_s - 1))
    return mean(errors)


def _took_s(engine: Engine, pairs: list[EncodedPair]) -> float:
    start = perf_counter()
    engine.score(pairs)
    return perf_counter() - start

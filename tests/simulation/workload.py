"""Synthetic workloads drawn from a seed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, default_rng

from tests.simulation.worker import Cost

Draw = Callable[[Generator, int], np.ndarray]
"""Draws a number of integers."""

LONGEST = 512
"""Most tokens of a pair."""


class Request(NamedTuple):
    """A request; times are in seconds from the start of the trace."""

    at: float
    lane: int
    client: str
    pair_tokens: tuple[int, ...]
    deadline: float
    """Absolute."""
    cancel_at: float | None = None


class Retry(NamedTuple):
    """Retry policy of refused clients, which retry until their deadline."""

    attempts: int = 4
    """Most attempts of a request."""
    honour: bool = True
    """True if clients obey the advised delay and its absence; otherwise they retry after `pause_s`."""
    pause_s: float = 0.005
    """Delay of a client that ignores advice, in seconds."""


class Burst(NamedTuple):
    """A burst: arrivals are `factor` times as frequent from `at` until `until`."""

    at: float
    until: float
    factor: float


def tokens(rng: Generator, count: int) -> np.ndarray:
    """Draw lengths of ordinary text: lognormal around 110 tokens."""
    return np.clip(rng.lognormal(np.log(110), 0.6, count), 8, LONGEST).astype(int)


def bimodal(rng: Generator, count: int) -> np.ndarray:
    """Draw lengths of either 32 or 512 tokens."""
    return np.where(rng.random(count) < 0.5, 32, 512)


def few(rng: Generator, count: int) -> np.ndarray:
    """Draw 1 to 10 documents."""
    return rng.integers(1, 11, count)


def about(mean: float, most: int, sigma: float = 0.9) -> Draw:
    """Return a lognormal distribution of documents with this mean, clipped to 1 to `most`."""

    def draw(rng: Generator, count: int) -> np.ndarray:
        drawn = rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, count)
        return np.clip(drawn, 1, most).astype(int)

    return draw


def exactly(documents: int) -> Draw:
    """Return a constant distribution."""
    return lambda _, count: np.full(count, documents)


@dataclass(frozen=True)
class Group:
    """A class of requests: lanes, sizes and deadlines."""

    name: str
    lanes: Sequence[int]
    documents: Draw
    deadline_s: float
    lengths: Draw = tokens
    clients: int = 8
    cancelled: float = 0.0
    """Share of requests cancelled at a random time before their deadline."""

    def request_s(self, cost: Cost) -> float:
        """Return the mean work of a request, in useful worker-seconds."""
        rng = default_rng(0)
        lengths = self.lengths(rng, 20_000)
        return float(np.mean(self.documents(rng, 20_000)) * np.mean([cost.useful(length) for length in lengths]))


URGENT = Group("urgent", range(1), few, 0.5)
MIDDLE = Group("middle", range(100, 200), about(25, 200, 0.6), 1.0)
BULK = Group("bulk", range(500, 1000), about(160, 1000), 3.0)
MIX = (URGENT, MIDDLE, BULK)


def patient(groups: Iterable[Group], factor: float) -> tuple[Group, ...]:
    """Return the groups with deadlines `factor` times as long."""
    return tuple(replace(g, deadline_s=g.deadline_s * factor) for g in groups)


def demands(offered: float, raw: float) -> tuple[float, float, float]:
    """Split `offered` worker-seconds per second between the groups of the mix.

    Urgent requests offer 0.2 of the raw capacity, middle ones 0.3, and bulk the rest. Below the raw capacity all
    groups scale.
    """
    scale = min(1.0, offered / raw)
    urgent, middle = 0.2 * raw * scale, 0.3 * raw * scale
    return urgent, middle, offered - urgent - middle


def requests(
    group: Group,
    demand: float,
    cost: Cost,
    seconds: float,
    *,
    seed: int,
    bursts: Sequence[Burst] = (),
    start: float = 0.0,
) -> list[Request]:
    """Draw `seconds` of Poisson arrivals that offer `demand` useful worker-seconds per second."""
    rng = default_rng([seed, group.lanes[0], int(start * 1000)])
    rate = demand / group.request_s(cost)
    times = np.concatenate(
        [
            _arrivals(rng, rate, start, start + seconds),
            *(_arrivals(rng, rate * (b.factor - 1), b.at, b.until) for b in bursts),
        ]
    )
    return _at(np.sort(times), group, rng)


def trace(
    mix: Iterable[tuple[Group, float]], cost: Cost, seconds: float, *, seed: int, bursts: Sequence[Burst] = ()
) -> list[Request]:
    """Draw all groups, each with its demand in worker-seconds per second, merged in order of arrival."""
    return merged(
        *(requests(group, demand, cost, seconds, seed=seed, bursts=bursts) for group, demand in mix if demand > 0)
    )


def merged(*traces: Iterable[Request]) -> list[Request]:
    """Merge traces in order of arrival."""
    return sorted((r for t in traces for r in t), key=lambda r: r.at)


def backlog(group: Group, count: int, seed: int, at: float = 0.0) -> list[Request]:
    """Draw `count` requests with the same arrival time."""
    return _at(np.full(count, at), group, default_rng([seed, group.lanes[0]]))


def _arrivals(rng: Generator, rate: float, start: float, stop: float) -> np.ndarray:
    count = rng.poisson(rate * (stop - start))
    return rng.uniform(start, stop, count)


def _at(times: np.ndarray, group: Group, rng: Generator) -> list[Request]:
    count = len(times)
    sizes = group.documents(rng, count)
    lengths = group.lengths(rng, int(sizes.sum())).tolist()
    lanes = rng.choice(np.asarray(group.lanes), count).tolist()
    clients = rng.integers(0, group.clients, count).tolist()
    leaves = np.where(rng.random(count) < group.cancelled, rng.random(count) * group.deadline_s, np.nan).tolist()
    found, used = [], 0
    for at, size, lane, client, leave in zip(times.tolist(), sizes.tolist(), lanes, clients, leaves, strict=True):
        pairs = tuple(lengths[used : used + size])
        used += size
        cancel_at = None if leave != leave else at + leave  # noqa: PLR0124  # NaN: never cancelled.
        found.append(Request(at, lane, f"{group.name}-{client}", pairs, at + group.deadline_s, cancel_at))
    return found

"""Requests by seed: who asks for what, when, and how long they are ready to wait."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, default_rng

from tests.simulation.worker import Cost

Draw = Callable[[Generator, int], np.ndarray]
"""Draws that many whole numbers."""

LONGEST = 512
"""Tokens of a pair at most."""


class Request(NamedTuple):
    """One request; times in seconds from the start of the trace."""

    at: float
    lane: int
    client: str
    pair_tokens: tuple[int, ...]
    deadline: float
    """Absolute."""
    cancel_at: float | None = None


class Retry(NamedTuple):
    """What clients do that were turned away: try again, as long as their deadline has not passed."""

    attempts: int = 4
    """In all."""
    honour: bool = True
    """Wait as advised, and do not come back without advice; otherwise come back at once."""
    pause_s: float = 0.005
    """Until the next attempt of one who ignores advice."""


class Burst(NamedTuple):
    """From `at` until `until`, arrivals are `factor` times as frequent."""

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
    """Return a heavy-tailed draw of 1 to `most` documents, about `mean` of them."""

    def draw(rng: Generator, count: int) -> np.ndarray:
        drawn = rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, count)
        return np.clip(drawn, 1, most).astype(int)

    return draw


def exactly(documents: int) -> Draw:
    """Return a draw of always the same number."""
    return lambda _, count: np.full(count, documents)


@dataclass(frozen=True)
class Group:
    """Requests alike: their lanes, sizes and patience."""

    name: str
    lanes: Sequence[int]
    documents: Draw
    deadline_s: float
    lengths: Draw = tokens
    clients: int = 8
    cancelled: float = 0.0
    """Share that is cancelled at some point before its deadline."""

    def request_s(self, cost: Cost) -> float:
        """Return the useful worker-seconds of a request on average."""
        rng = default_rng(0)
        lengths = self.lengths(rng, 20_000)
        return float(np.mean(self.documents(rng, 20_000)) * np.mean(cost.useful(lengths)))


URGENT = Group("urgent", range(1), few, 0.5)
MIDDLE = Group("middle", range(100, 200), about(25, 200, 0.6), 1.0)
BULK = Group("bulk", range(500, 1000), about(160, 1000), 3.0)
MIX = (URGENT, MIDDLE, BULK)


def patient(groups: Iterable[Group], factor: float) -> tuple[Group, ...]:
    """Return the groups with deadlines `factor` times as long."""
    return tuple(replace(g, deadline_s=g.deadline_s * factor) for g in groups)


def demands(offered: float, raw: float) -> tuple[float, float, float]:
    """Split `offered` worker-seconds per second between the groups of the mix.

    Of the raw capacity, urgent requests ask for 0.2 and the middle for 0.3; bulk is what is offered beyond.
    Below the raw capacity all scale together.
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
    """Draw `seconds` of Poisson arrivals that ask for `demand` useful worker-seconds per second."""
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
    """Draw `count` requests that come at once."""
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
        cancel_at = None if leave != leave else at + leave  # noqa: PLR0124  # Not a number: stays.
        found.append(Request(at, lane, f"{group.name}-{client}", pairs, at + group.deadline_s, cancel_at))
    return found

"""The synthetic workload: requests drawn from a seed, serialised before the measurement begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from random import Random
from typing import NamedTuple

from rerank.v2 import rerank_pb2 as pb

_QUERY = "history of the capital"
_WORDS = (
    "the of and to in is was for on as with by at from city river capital state trade war king law music science "
    "water energy cell market price history language island mountain railway season team film novel theory"
)
VOCABULARY = _WORDS.split()
"""Words that most English tokenisers encode as one token."""
_WORDS_MAX = 400
_PAIR_TOKENS = len(_QUERY.split()) + 3  # Tokens of the query, and three special tokens.
_CLIENTS = 8  # Number of client names per group.


class Request(NamedTuple):
    """A serialised request with its arrival and deadline."""

    group: str
    client: str
    raw: bytes
    """The message, serialised."""
    documents: int
    tokens: int
    """Approximate tokens of its pairs, one per word, without padding."""
    at: float = 0.0
    """Arrival, in seconds from the start of the trace."""
    deadline_s: float = 60.0
    """Seconds from `at` after which the client gives up."""


@dataclass(frozen=True)
class Group:
    """A class of requests of similar urgency and size."""

    name: str
    lanes: range
    """Priorities, drawn uniformly."""
    share: float
    """Share of the capacity that the group offers at a load of 1."""
    typical: int
    """Documents of a typical request, about the mean."""
    documents: Callable[[Random], int]
    """Draws the number of documents of a request."""

    def request(self, model: str, rng: Random, documents: int | None = None) -> Request:
        """Draw a request; `documents` overrides the number of documents."""
        texts = [_text(rng) for _ in range(documents or self.documents(rng))]
        lane = rng.choice(self.lanes)
        raw = pb.RerankRequest(model=model, query=_QUERY, documents=texts, priority=lane).SerializeToString()
        tokens = sum(text.count(" ") + 1 + _PAIR_TOKENS for text in texts)
        return Request(self.name, f"{self.name}-{rng.randrange(_CLIENTS)}", raw, len(texts), tokens)


def _about(mean: float, most: int, sigma: float) -> Callable[[Random], int]:
    """Return a lognormal distribution with the given mean, clipped to 1 to `most`."""
    return lambda rng: min(max(round(rng.lognormvariate(log(mean) - sigma**2 / 2, sigma)), 1), most)


URGENT = Group("urgent", range(1), 0.2, 5, lambda rng: rng.randint(1, 10))
MIDDLE = Group("middle", range(100, 200), 0.3, 25, _about(25, 200, 0.6))
BULK = Group("bulk", range(500, 1000), 0.5, 100, _about(100, 400, 0.9))
MIX = (URGENT, MIDDLE, BULK)


def demands(load: float) -> dict[str, float]:
    """Return the work that each group offers at a load, as shares of the capacity.

    Up to a load of 1 all groups scale. Above it only bulk grows, so that urgent work always fits the capacity.
    """
    scale = min(1.0, load)
    shares = {group.name: group.share * scale for group in MIX}
    return shares | {BULK.name: load - shares[URGENT.name] - shares[MIDDLE.name]}


def trace(
    model: str, *, load: float, tokens_s: float, deadlines: Mapping[str, float], seconds: float, seed: int
) -> list[Request]:
    """Draw a trace of `seconds` that offers `load` times a capacity of `tokens_s` tokens per second, by arrival.

    Arrival times are uniform, which is a Poisson process conditioned on the number of requests. The same seed draws the
    same requests: at all loads of 1 and more, urgent and middle requests and their arrivals are identical.
    """
    requests: list[Request] = []
    for group in MIX:
        rng = Random(f"{seed} {group.name}")  # noqa: S311  # Texts, not secrets.
        left = demands(load)[group.name] * tokens_s * seconds
        drawn = []
        while left > 0:
            drawn.append(group.request(model, rng))
            left -= drawn[-1].tokens
        deadline_s = deadlines[group.name]
        requests += (r._replace(at=rng.uniform(0, seconds), deadline_s=deadline_s) for r in drawn)
    return sorted(requests, key=lambda request: request.at)


def texts(count: int, seed: int) -> list[str]:
    """Draw `count` documents from a seed."""
    rng = Random(seed)  # noqa: S311
    return [_text(rng) for _ in range(count)]


def _text(rng: Random) -> str:
    """Draw a text as long as a typical passage: lognormal with a median of 55 words, at most 400."""
    return " ".join(rng.choices(VOCABULARY, k=min(_WORDS_MAX, round(rng.lognormvariate(4, 0.6)))))

"""Requests by seed: who asks for what, when, and for how long; written out before anything is measured."""

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
"""Words of a token each to most tokenisers of English."""
_WORDS_MAX = 400
_PAIR_TOKENS = len(_QUERY.split()) + 3  # What every pair has beside its document: the query and the special tokens.
_CLIENTS = 8  # Of each group.


class Request(NamedTuple):
    """One request, ready to be sent."""

    group: str
    client: str
    raw: bytes
    """The message, serialised."""
    documents: int
    tokens: int
    """About what the model reads: these words are a token each to most tokenisers of English."""
    at: float = 0.0
    """Seconds from the start of the trace."""
    deadline_s: float = 60.0
    """From then on nobody waits for the answer; counted from `at`."""


@dataclass(frozen=True)
class Group:
    """Requests alike in urgency and size."""

    name: str
    lanes: range
    share: float
    """Of the capacity, what the group asks for at a load of 1."""
    typical: int
    """Documents of a request, about the mean."""
    documents: Callable[[Random], int]
    """Draws the number of documents of a request."""

    def request(self, model: str, chance: Random, documents: int | None = None) -> Request:
        """Draw a request, of so many documents if that is given."""
        texts = [_text(chance) for _ in range(documents or self.documents(chance))]
        lane = chance.choice(self.lanes)
        raw = pb.RerankRequest(model=model, query=_QUERY, documents=texts, priority=lane).SerializeToString()
        tokens = sum(text.count(" ") + 1 + _PAIR_TOKENS for text in texts)
        return Request(self.name, f"{self.name}-{chance.randrange(_CLIENTS)}", raw, len(texts), tokens)


def _about(mean: float, most: int, sigma: float) -> Callable[[Random], int]:
    """Return a heavy-tailed draw of 1 to `most`, about `mean` of them."""
    return lambda chance: min(max(round(chance.lognormvariate(log(mean) - sigma**2 / 2, sigma)), 1), most)


URGENT = Group("urgent", range(1), 0.2, 5, lambda chance: chance.randint(1, 10))
MIDDLE = Group("middle", range(100, 200), 0.3, 25, _about(25, 200, 0.6))
BULK = Group("bulk", range(500, 1000), 0.5, 100, _about(100, 400, 0.9))
MIX = (URGENT, MIDDLE, BULK)


def demands(load: float) -> dict[str, float]:
    """Return what each group asks for at a load, as shares of the capacity.

    Below 1 all groups scale; beyond, only bulk grows, so that what is urgent always fits.
    """
    scale = min(1.0, load)
    asked = {group.name: group.share * scale for group in MIX}
    return asked | {BULK.name: load - asked[URGENT.name] - asked[MIDDLE.name]}


def trace(
    model: str, *, load: float, tokens_s: float, deadlines: Mapping[str, float], seconds: float, seed: int
) -> list[Request]:
    """Draw `seconds` of requests that ask for `load` times a capacity of `tokens_s`, in order of arrival.

    Requests are drawn until they amount to what is asked for, and each arrives at a moment of its own, all moments
    being alike: that is a Poisson process, given how many there are. The same seed draws the same requests, so that
    at all loads of 1 and more the urgent and the middle ones are the very same, at the same moments.
    """
    requests: list[Request] = []
    for group in MIX:
        chance = Random(f"{seed} {group.name}")  # noqa: S311  # Texts, not secrets.
        left = demands(load)[group.name] * tokens_s * seconds
        drawn = []
        while left > 0:
            drawn.append(group.request(model, chance))
            left -= drawn[-1].tokens
        deadline_s = deadlines[group.name]
        requests += (r._replace(at=chance.uniform(0, seconds), deadline_s=deadline_s) for r in drawn)
    return sorted(requests, key=lambda request: request.at)


def texts(count: int, seed: int) -> list[str]:
    """Return documents drawn by seed."""
    chance = Random(seed)  # noqa: S311
    return [_text(chance) for _ in range(count)]


def _text(chance: Random) -> str:
    """Draw a text of a length like those of real passages: lognormal around 55 words."""
    return " ".join(chance.choices(VOCABULARY, k=min(_WORDS_MAX, round(chance.lognormvariate(4, 0.6)))))

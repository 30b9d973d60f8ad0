"""The inputs and outputs of the scheduler, as values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from itertools import zip_longest
from operator import add, sub
from typing import NamedTuple

from scheduler.policy import LANES

AMOUNTS = 4
"""Numbers in an amount for each model."""


class Reason(StrEnum):
    """Why a job was refused or dropped."""

    SHED = auto()
    """Too much work waits at its lane or better: the backlog is full, or its deadline cannot be met."""
    DISPLACED = auto()
    """It was admitted, and then made room for a more urgent job."""
    EXPIRED = auto()
    """Its deadline passed."""
    OVERSIZED = auto()
    """It has more pairs than any job may have."""
    DRAINING = auto()
    """The scheduler is closed to new jobs."""


@dataclass(frozen=True, slots=True)
class Job:
    """All pairs of one request; admitted or refused whole.

    Raises ValueError when the lane is not one, or there is no pair, or a pair without tokens.
    """

    id: int
    """Unique among the jobs a scheduler ever sees."""
    lane: int
    """0, the most urgent, to 999."""
    client: str
    """The client whose turns it uses inside its lane, and whose limits apply."""
    pair_tokens: tuple[int, ...]
    """Encoded length of each pair."""
    deadline: float
    """Monotonic seconds; afterwards no caller waits for the answer."""
    model: int = 0
    """Place of its model among those of the workers."""
    name: str = ""
    """The name that it goes by within its client, whose turns its names share."""

    def __post_init__(self) -> None:
        if not 0 <= self.lane < LANES:
            raise ValueError(f"lane must be 0 to {LANES - 1}, not {self.lane}")
        if not self.pair_tokens or min(self.pair_tokens) < 1:
            raise ValueError("a job needs at least one pair, and a pair at least one token")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of waiting pairs, in the whole numbers that cost models price.

    Sums of whole numbers are exact, so that a ledger of them cannot drift. Their price is that of the cost models of
    today, not of those when a job came.
    """

    numbers: tuple[int, ...] = ()
    """Jobs, pairs, tokens (the sum of the pairs' lengths) and squares (the sum of their squares, which attention costs)
    of the first model, then of the next; models left out have none."""

    @classmethod
    def of(cls, pair_tokens: Sequence[int], model: int = 0, jobs: int = 1) -> "Amount":
        """Return the amount of pairs of these lengths, all of one model; one job, if no other number is given."""
        own = jobs, len(pair_tokens), sum(pair_tokens), sum(n * n for n in pair_tokens)
        return cls((0,) * (len(own) * model) + own)

    @property
    def jobs(self) -> int:
        """Jobs of all models."""
        return sum(self.numbers[::AMOUNTS])

    @property
    def pairs(self) -> int:
        """Pairs of all models."""
        return sum(self.numbers[1::AMOUNTS])

    @property
    def tokens(self) -> int:
        """Tokens of all models."""
        return sum(self.numbers[2::AMOUNTS])

    def __add__(self, other: "Amount") -> "Amount":
        return self._with(other, add)

    def __sub__(self, other: "Amount") -> "Amount":
        return self._with(other, sub)

    def _with(self, other: "Amount", operation: Callable[[int, int], int]) -> "Amount":
        mine, others = self.numbers, other.numbers
        if len(mine) != len(others):
            mine, others = zip(*zip_longest(mine, others, fillvalue=0), strict=True)
        return Amount(tuple(map(operation, mine, others)))


class Slice(NamedTuple):
    """A run of one job's pairs inside a batch."""

    job_id: int
    pairs: tuple[int, ...]
    """Indexes into the job's `pair_tokens`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Slices sent to a worker together."""

    id: int
    slices: tuple[Slice, ...]
    length: int
    """Tokens of the longest pair, to which the others are padded."""
    work: float
    """Predicted seconds."""
    model: int = 0
    """Place of its model among those of the workers."""

    @property
    def pairs(self) -> int:
        """Number of pairs in all slices."""
        return sum(len(s.pairs) for s in self.slices)


class Refusal(NamedTuple):
    """The answer to a job that is not admitted."""

    reason: Reason
    retry_after_s: float | None = None
    """Seconds until a retry may succeed; None if a retry does not help."""


class Drop(NamedTuple):
    """The end of an admitted job that was not finished."""

    job_id: int
    reason: Reason
    retry_after_s: float | None = None
    """Seconds until a retry may succeed; None if a retry does not help."""


class Step(NamedTuple):
    """The consequences of the events since the last step."""

    batches: tuple[Batch, ...]
    """To start now."""
    drops: tuple[Drop, ...]
    """Jobs that ended without being finished, each reported once."""
    wake_at: float | None
    """The time of the next poll if nothing happens before, in monotonic seconds; None if there is none."""
    overdue: tuple[int, ...] = ()
    """Batches that hang and should be stopped, each reported once for every stop."""


class Load(NamedTuple):
    """A snapshot for metrics and health."""

    jobs: int
    """Admitted and not ended, waiting or running."""
    pairs_waiting: int
    workers_busy: int
    backlog_s: float
    """Admitted, unfinished work in seconds of the whole pool."""
    pressure: float
    """Backlog over its bound."""

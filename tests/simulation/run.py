"""The record of a trace."""

from collections import Counter
from enum import StrEnum, auto
from typing import NamedTuple

from tests.simulation.workload import Request


class Ending(StrEnum):
    """The outcome of a request; FINISHED may still be late."""

    FINISHED = auto()
    REFUSED = auto()
    DROPPED = auto()
    CANCELLED = auto()
    LOST = auto()
    """Its batch never ended."""


class Outcome:
    """The outcome of one request."""

    __slots__ = (
        "attempts",
        "ended_at",
        "ending",
        "executed_s",
        "late_s",
        "reason",
        "request",
        "started_at",
        "unscored",
    )

    def __init__(self, request: Request) -> None:
        self.request = request
        self.ending = Ending.LOST
        self.reason: str | None = None
        """Reason of a refusal or drop."""
        self.ended_at: float | None = None
        self.started_at: float | None = None
        """Time of the first dispatch, in seconds."""
        self.unscored: tuple[int, ...] = ()
        """Pairs for which the engine failed."""
        self.attempts = 0
        self.executed_s = 0.0
        """Useful seconds spent on it, in time or not."""
        self.late_s = 0.0
        """Useful seconds that ended after its deadline."""

    @property
    def good(self) -> bool:
        """Tell whether it was finished in time."""
        return self.ending is Ending.FINISHED and self.ended_at is not None and self.ended_at <= self.request.deadline

    @property
    def latency(self) -> float:
        """Seconds from arrival to the end."""
        return (self.ended_at if self.ended_at is not None else float("inf")) - self.request.at


class Piece(NamedTuple):
    """The part of a batch that belongs to one request."""

    request: int
    """Index in the trace."""
    lane: int
    pairs: int
    useful_s: float
    """Seconds of its pairs without launch and padding."""


class BatchRecord(NamedTuple):
    """A finished batch."""

    start: float
    end: float
    worker: int
    length: int
    pieces: tuple[Piece, ...]
    predicted_s: float


class Shedding(NamedTuple):
    """A request refused or dropped for lack of room or time, and the worst waiting lane at that moment."""

    at: float
    lane: int
    reason: str
    worst_lane: int | None
    retry_after_s: float | None


class Run:
    """The record of a whole trace."""

    def __init__(self, trace: list[Request]) -> None:
        self.outcomes = [Outcome(request) for request in trace]
        self.batches: list[BatchRecord] = []
        self.sheddings: list[Shedding] = []
        """Empty unless requested."""
        self.counters: Counter[str] = Counter()
        self.digest = ""
        """Fingerprint of all decisions."""
        self.ended_at = 0.0
        self.backlog_s_max = 0.0
        self.jobs_left = 0
        """Jobs left in the scheduler at the end; a leak or a hang unless 0."""

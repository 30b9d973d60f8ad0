"""What came of a trace."""

from collections import Counter
from enum import StrEnum, auto
from typing import NamedTuple

from tests.simulation.workload import Request


class Ending(StrEnum):
    """How a request ended; FINISHED may still be late."""

    FINISHED = auto()
    REFUSED = auto()
    DROPPED = auto()
    CANCELLED = auto()
    LOST = auto()
    """It never ended: its batch never came back."""


class Outcome:
    """What came of one request."""

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
        """Why it was refused or dropped."""
        self.ended_at: float | None = None
        self.started_at: float | None = None
        """When its first pair went to a worker."""
        self.unscored: tuple[int, ...] = ()
        """Its pairs that the engine failed on."""
        self.attempts = 0
        self.executed_s = 0.0
        """Useful seconds spent on it, to whatever effect."""
        self.late_s = 0.0
        """Those of them that came back after its deadline."""

    @property
    def good(self) -> bool:
        """Whether it was finished in time."""
        return self.ending is Ending.FINISHED and self.ended_at is not None and self.ended_at <= self.request.deadline

    @property
    def latency(self) -> float:
        """Seconds from arrival to the end."""
        return (self.ended_at if self.ended_at is not None else float("inf")) - self.request.at


class Piece(NamedTuple):
    """One request's share of a batch."""

    request: int
    """Index in the trace."""
    lane: int
    pairs: int
    useful_s: float
    """Seconds its pairs take without launch and padding."""


class Ran(NamedTuple):
    """One batch that came back."""

    start: float
    end: float
    worker: int
    length: int
    pieces: tuple[Piece, ...]
    predicted_s: float


class Shedding(NamedTuple):
    """One request turned away or thrown out for want of room or time, and the worst lane waiting at that moment."""

    at: float
    lane: int
    reason: str
    worst_lane: int | None
    retry_after_s: float | None


class Run:
    """The record of a whole trace."""

    def __init__(self, trace: list[Request]) -> None:
        self.outcomes = [Outcome(request) for request in trace]
        self.batches: list[Ran] = []
        self.sheddings: list[Shedding] = []
        """Only where asked for."""
        self.counters: Counter[str] = Counter()
        self.digest = ""
        """Fingerprint of all decisions."""
        self.ended_at = 0.0
        self.backlog_s_max = 0.0
        self.jobs_left = 0
        """Jobs the scheduler still held at the end; anything but 0 is a leak or a hang."""

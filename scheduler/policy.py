"""The policy: the limits that a scheduler works under."""

from dataclasses import dataclass

LANES = 1000
"""Number of lanes: 0 is the most urgent, `LANES - 1` the least."""

GUARANTEED_SHARE_MAX = 0.05
"""Largest share of batches that `guaranteed_share` may take from strict lanes."""

CLIENT_SHARE_MIN = 0.5
"""Least `client_share`: below it, two clients that wait could both be over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Frozen limits, checked once when built.

    Raises ValueError naming the field at fault.
    """

    workers: int
    """Batches that may run at the same time, at least 1."""
    batch_s: float = 0.05
    """Predicted seconds a batch may last, unless one pair alone takes longer."""
    backlog_s: float = 10.0
    """Admitted, unfinished work to hold, in seconds of the whole pool."""
    jobs_max: int = 20_000
    """Live jobs, whatever their size."""
    pairs_max: int = 10_000
    """Pairs one job may have."""
    express_lanes: int = 100
    """Lanes below this number are express: a batch that they head is sent at once, with no pairs of slower lanes,
    unless a launch takes a large share of a batch."""
    class_width: int = 1
    """Lanes of a class, in which started jobs go before all others; 1: no classes."""
    guaranteed_share: float = 0.0
    """Share of batches headed by the job of a client, in rotation, that has waited longest, 0 to 0.05; 0: lanes are
    strict."""
    client_share: float = 1.0
    """Share of the work that a client may take, in whatever lane, while others wait, 0.5 to 1; 1: no cap."""
    look_ahead: int = 8
    """Jobs behind the head that may fill its batch."""

    def __post_init__(self) -> None:
        if not 0 <= self.guaranteed_share <= GUARANTEED_SHARE_MAX:
            raise ValueError(f"guaranteed_share must be 0 to {GUARANTEED_SHARE_MAX}")
        if not CLIENT_SHARE_MIN <= self.client_share <= 1:
            raise ValueError(f"client_share must be {CLIENT_SHARE_MIN} to 1")
        for name in ("workers", "batch_s", "backlog_s", "jobs_max", "pairs_max", "class_width"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        for name in ("express_lanes", "look_ahead"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")

    def is_express(self, lane: int) -> bool:
        """Return whether a lane is express."""
        return lane < self.express_lanes

    @property
    def is_strict(self) -> bool:
        """True if the lane alone decides the urgency of a job."""
        return not self.guaranteed_share and self.client_share == 1

    @property
    def backlog_work(self) -> float:
        """The backlog bound as work: seconds of one worker."""
        return self.backlog_s * self.workers

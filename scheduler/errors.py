"""The errors of a submitted job.

SchedulerError
├── Refused
│   ├── Shed          too much work at its lane or better, or no hope of meeting its deadline
│   ├── Displaced     admitted, then made room for a more urgent job
│   ├── Expired       its deadline passed
│   ├── Oversized     more pairs than a job may have
│   └── Draining      the service is stopping
└── ScoringFailed     the engine failed on too many pairs
"""

from scheduler.values import Reason


class SchedulerError(Exception):
    """A job that ended without scores."""


class Refused(SchedulerError):
    """A job that was refused, or dropped after its admission."""

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__(self.__doc__)
        self.retry_after_s = retry_after_s
        """Seconds until a retry may succeed; None if a retry does not help."""


class Shed(Refused):
    """There is more work of this urgency, or of a higher one, than can be done in time."""


class Displaced(Refused):
    """The request made room for a more urgent one."""


class Expired(Refused):
    """The deadline passed before the work was done."""


class Oversized(Refused):
    """The documents make more pairs than one request may have."""


class Draining(Refused):
    """The server is stopping; another replica will answer."""


class ScoringFailed(SchedulerError):
    """The engine failed on too many pairs, or on all there are; the cause is chained."""


_BY_REASON: dict[Reason, type[Refused]] = {
    Reason.SHED: Shed,
    Reason.DISPLACED: Displaced,
    Reason.EXPIRED: Expired,
    Reason.OVERSIZED: Oversized,
    Reason.DRAINING: Draining,
}


def refused(reason: Reason, retry_after_s: float | None) -> Refused:
    """Return the error that says `reason`."""
    return _BY_REASON[reason](retry_after_s)

"""Each reason of a refusal has its own error, with a message and the advice."""

import pytest

from scheduler import Displaced, Draining, Expired, Oversized, Reason, Refused, SchedulerError, ScoringFailed, Shed
from scheduler.errors import refused


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (Reason.SHED, Shed),
        (Reason.DISPLACED, Displaced),
        (Reason.EXPIRED, Expired),
        (Reason.OVERSIZED, Oversized),
        (Reason.DRAINING, Draining),
    ],
)
def test_reason(reason: Reason, error: type[Refused]):
    """Each reason has an error of its own."""
    assert type(refused(reason, None)) is error


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_an_error(reason: Reason):
    """No reason was forgotten, and each error explains itself in a sentence."""
    assert str(refused(reason, None)).endswith(".")


def test_advice():
    """The advice when to ask again travels with the error."""
    assert refused(Reason.SHED, 1.5).retry_after_s == 1.5


def test_one_root():
    """One except clause catches everything a job can end in."""
    assert issubclass(Refused, SchedulerError)
    assert issubclass(ScoringFailed, SchedulerError)
    assert not issubclass(ScoringFailed, Refused)

"""How calls end, as who called sees it."""

from typing import NamedTuple

import grpc
import httpx

from tests.contract.clients import grpc_refusal, http_refusal
from tests.soak.question import Question, Results

OK, SHED, LATE, INTERNAL = "OK", "SHED", "DEADLINE_EXCEEDED", "INTERNAL"
LEFT = "left"
"""We went away before the end."""
CUT_OFF = "cut off"
"""The connection was closed on us, or the library below the service refused the call."""
LOST = "LOST"
"""No end long after the deadline."""
SERVED = frozenset((OK, SHED, LATE))
"""How any good call may end under load."""
_PUBLISHED = {
    "INVALID_REQUEST": ("INVALID_ARGUMENT", {400, 415}),
    "OUT_OF_RANGE": ("INVALID_ARGUMENT", {413, 422}),
    "UNKNOWN_MODEL": ("NOT_FOUND", {404}),
    SHED: ("UNAVAILABLE", {503}),
    "DRAINING": ("UNAVAILABLE", set()),  # Over HTTP it looks like SHED.
    LATE: ("DEADLINE_EXCEEDED", {504}),
    INTERNAL: ("INTERNAL", {500}),
}
"""The code over gRPC, and over HTTP, as published, by reason."""


class Outcome(NamedTuple):
    """How one call ended."""

    reason: str
    id: str | None = None
    """What the service calls the call, where it said so."""
    fault: str = ""
    """What was not as it should be."""
    results: Results = ()


class Ended(NamedTuple):
    """A call that is over."""

    kind: str
    client: str
    """The name under which it was made."""
    lane: int
    at: float
    """Seconds from the start of the load until its end."""
    took_s: float
    reason: str
    id: str | None
    fault: str


def answered(question: Question, call_id: str | None, results: Results) -> Outcome:
    """Return what to say of an answer, after a look at whether it is right."""
    return Outcome(OK, call_id, question.wrong_with(results), results)


def refused_by_http(answer: httpx.Response) -> Outcome:
    """Return what to say of an error over REST. Raises AssertionError if it has not the form that all have."""
    http_refusal(answer)
    reason = next((name for name, (_, codes) in _PUBLISHED.items() if answer.status_code in codes), "")
    if not reason:
        return Outcome(f"HTTP {answer.status_code}", fault="not in the table")
    advised = reason != SHED or 1 <= int(answer.headers.get("retry-after", 0)) <= 59
    return Outcome(reason, answer.headers["x-request-id"], "" if advised else "no advice")


def refused_by_grpc(error: grpc.aio.AioRpcError) -> Outcome:
    """Return what to say of an error over gRPC. Raises AssertionError if it has not the form that all have."""
    late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    if late and not dict(error.trailing_metadata()):
        return Outcome(LATE)  # Our own library was the first to say so.
    try:
        refusal = grpc_refusal(error)
    except ValueError:  # It was, in the moment when the status came: they do not fit each other.
        return Outcome(LATE if late else "none", fault="" if late else str(error))
    if _PUBLISHED[refusal.reason][0] != error.code().name:
        return Outcome(refusal.reason, refusal.request_id, f"called {error.code()}")
    advised = refusal.reason != SHED or refusal.pushback_ms is not None
    return Outcome(refusal.reason, refusal.request_id, "" if advised else "no advice")

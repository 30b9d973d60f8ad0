"""Outcomes of calls as clients see them."""

from typing import NamedTuple

import grpc
import httpx

from tests.contract.clients import grpc_refusal, http_refusal
from tests.soak.question import Results, SoakRequest

OK, SHED, LATE, INTERNAL = "OK", "SHED", "DEADLINE_EXCEEDED", "INTERNAL"
LEFT = "left"
"""The client left before the end."""
CUT_OFF = "cut off"
"""The server closed the connection, or a library below the service refused the call."""
LOST = "LOST"
"""The call did not end by long after its deadline."""
SERVED = frozenset((OK, SHED, LATE))
"""Allowed outcomes of a valid call under load."""
_PUBLISHED = {
    "INVALID_REQUEST": ("INVALID_ARGUMENT", {400, 415}),
    "OUT_OF_RANGE": ("INVALID_ARGUMENT", {413, 422}),
    "UNKNOWN_MODEL": ("NOT_FOUND", {404}),
    SHED: ("UNAVAILABLE", {503}),
    "DRAINING": ("UNAVAILABLE", set()),  # Its HTTP status is that of SHED.
    LATE: ("DEADLINE_EXCEEDED", {504}),
    INTERNAL: ("INTERNAL", {500}),
}
"""Documented gRPC code and HTTP statuses, by reason."""


class Outcome(NamedTuple):
    """The outcome of one call."""

    reason: str
    id: str | None = None
    """Request id, if the service returned one."""
    fault: str = ""
    """The fault of a wrong response."""
    results: Results = ()


class Ended(NamedTuple):
    """An ended call."""

    kind: str
    client: str
    """Name of the client."""
    lane: int
    at: float
    """Seconds from the start of the load until its end."""
    took_s: float
    reason: str
    id: str | None
    fault: str


def answered(question: SoakRequest, call_id: str | None, results: Results) -> Outcome:
    """Return the outcome of a response, with its faults."""
    return Outcome(OK, call_id, question.wrong_with(results), results)


def refused_by_http(answer: httpx.Response) -> Outcome:
    """Return the outcome of a REST error. Raises AssertionError if its form is wrong."""
    http_refusal(answer)
    reason = next((name for name, (_, codes) in _PUBLISHED.items() if answer.status_code in codes), "")
    if not reason:
        return Outcome(f"HTTP {answer.status_code}", fault="not in the table")
    advised = reason != SHED or 1 <= int(answer.headers.get("retry-after", 0)) <= 59
    return Outcome(reason, answer.headers["x-request-id"], "" if advised else "no advice")


def refused_by_grpc(error: grpc.aio.AioRpcError) -> Outcome:
    """Return the outcome of a gRPC error. Raises AssertionError if its form is wrong."""
    late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    if late and not dict(error.trailing_metadata()):
        return Outcome(LATE)  # The client library expired the call first.
    try:
        refusal = grpc_refusal(error)
    except ValueError:  # It was, in the moment when the status came: they do not fit each other.
        return Outcome(LATE if late else "none", fault="" if late else str(error))
    if _PUBLISHED[refusal.reason][0] != error.code().name:
        return Outcome(refusal.reason, refusal.request_id, f"called {error.code()}")
    advised = refusal.reason != SHED or refusal.pushback_ms is not None
    return Outcome(refusal.reason, refusal.request_id, "" if advised else "no advice")

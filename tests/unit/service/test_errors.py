"""Every exception maps to one gRPC status, HTTP status and reason, and internal errors keep their text private."""

import asyncio
from types import ModuleType

import pytest
from grpc import StatusCode

import scheduler
import scheduler.errors
import service.errors
from service.errors import (
    STATUSES,
    TABLE,
    CallerLeftError,
    DenyListedError,
    ForbiddenError,
    InvalidRequestError,
    MediaTypeError,
    NotReadyError,
    Outcome,
    OutOfRangeError,
    RateLimitedError,
    ServiceError,
    TooLargeError,
    TooManyBytesError,
    TooSlowError,
    UnauthenticatedError,
    UnknownModelError,
    UnsupportedError,
    Violation,
)

SECRET = "the text of a document"  # noqa: S105
EXAMPLES: list[tuple[BaseException, StatusCode, int, str]] = [
    (InvalidRequestError("not JSON"), StatusCode.INVALID_ARGUMENT, 400, "INVALID_REQUEST"),
    (OutOfRangeError(Violation("top_n", "too small")), StatusCode.INVALID_ARGUMENT, 422, "OUT_OF_RANGE"),
    (TooLargeError(10), StatusCode.INVALID_ARGUMENT, 413, "OUT_OF_RANGE"),
    (MediaTypeError("not JSON"), StatusCode.INVALID_ARGUMENT, 415, "INVALID_REQUEST"),
    (UnauthenticatedError("no key"), StatusCode.UNAUTHENTICATED, 401, "UNAUTHENTICATED"),
    (ForbiddenError("not yours"), StatusCode.PERMISSION_DENIED, 403, "FORBIDDEN"),
    (DenyListedError(), StatusCode.FAILED_PRECONDITION, 498, "DENY_LISTED"),
    (UnsupportedError("an image"), StatusCode.UNIMPLEMENTED, 501, "NOT_IMPLEMENTED"),
    (UnknownModelError("no such model"), StatusCode.NOT_FOUND, 404, "UNKNOWN_MODEL"),
    (RateLimitedError(1), StatusCode.RESOURCE_EXHAUSTED, 429, "RATE_LIMITED"),
    (TooManyBytesError(), StatusCode.UNAVAILABLE, 503, "TOO_MANY_BYTES"),
    (TooSlowError(30), StatusCode.DEADLINE_EXCEEDED, 408, "TOO_SLOW"),
    (NotReadyError(), StatusCode.UNAVAILABLE, 503, "NOT_READY"),
    (CallerLeftError(), StatusCode.CANCELLED, 499, "CANCELLED"),
    (asyncio.CancelledError(), StatusCode.CANCELLED, 499, "CANCELLED"),
    (scheduler.Oversized(), StatusCode.INVALID_ARGUMENT, 422, "OUT_OF_RANGE"),
    (scheduler.Shed(2), StatusCode.UNAVAILABLE, 503, "SHED"),
    (scheduler.Displaced(2), StatusCode.UNAVAILABLE, 503, "SHED"),
    (scheduler.Draining(), StatusCode.UNAVAILABLE, 503, "DRAINING"),
    (scheduler.Expired(), StatusCode.DEADLINE_EXCEEDED, 504, "DEADLINE_EXCEEDED"),
    (scheduler.ScoringFailed(SECRET), StatusCode.INTERNAL, 500, "INTERNAL"),
    # Roots of the tree and what nobody thought of.
    (ServiceError(SECRET), StatusCode.INTERNAL, 500, "INTERNAL"),
    (scheduler.SchedulerError(SECRET), StatusCode.INTERNAL, 500, "INTERNAL"),
    (scheduler.Refused(), StatusCode.INTERNAL, 500, "INTERNAL"),
    (ValueError(SECRET), StatusCode.INTERNAL, 500, "INTERNAL"),
    (TimeoutError(SECRET), StatusCode.INTERNAL, 500, "INTERNAL"),
    (KeyboardInterrupt(SECRET), StatusCode.INTERNAL, 500, "INTERNAL"),
]
UNFORESEEN = [error for error, code, _, _ in EXAMPLES if code is StatusCode.INTERNAL]
RETRIED = (RateLimitedError, TooManyBytesError, scheduler.Shed, scheduler.Displaced)
"""Errors after which a request may succeed a little later."""


def exceptions(module: ModuleType) -> set[type[BaseException]]:
    """Return the exceptions that a module defines for others."""
    return {
        kind
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, BaseException)
        and kind.__module__ == module.__name__
        and not name.startswith("_")
    }


def named(error: object) -> str | None:
    """Name a case after its exception."""
    return type(error).__name__ if isinstance(error, BaseException) else None


@pytest.mark.parametrize(("error", "grpc", "http", "reason"), EXAMPLES, ids=named)
def test_row(error: BaseException, grpc: StatusCode, http: int, reason: str):
    """Each way to fail has one name over gRPC and one over HTTP."""
    row = Outcome.of(error).row
    assert (row.grpc, row.http, row.reason) == (grpc, http, reason)


def test_no_exception_was_forgotten():
    """Every exception of the service and of the scheduler is in the table above."""
    known = {type(error) for error, *_ in EXAMPLES}
    assert (exceptions(service.errors) | exceptions(scheduler.errors)) - known == set()


def test_every_row_is_an_exception_that_exists():
    """The service's table holds nothing but what the table above says."""
    assert set(TABLE) - {type(error) for error, *_ in EXAMPLES} == {BaseException}


def test_each_status_is_described():
    """The HTTP statuses that are described are those that calls end with."""
    assert set(STATUSES) == {row.http for row in TABLE.values()}


def test_retry_after():
    """A status carries Retry-After exactly if it stands for an outcome that may change within a minute."""
    passing = (RateLimitedError, NotReadyError, scheduler.Shed, scheduler.Displaced, scheduler.Draining)
    carrying = {status for status, row in STATUSES.items() if row.retry_after}
    assert carrying == {TABLE[kind].http for kind in passing}


@pytest.mark.parametrize("error", UNFORESEEN, ids=named)
def test_unforeseen_errors_keep_their_text(error: BaseException):
    """An unforeseen error has a fixed message, whatever text it carries."""
    outcome = Outcome.of(error)
    assert SECRET not in outcome.message
    assert outcome.message == Outcome.of(ZeroDivisionError()).message
    assert outcome.message.endswith(".")


@pytest.mark.parametrize(
    "error",
    [e for e, *_ in EXAMPLES if e not in UNFORESEEN and not isinstance(e, CallerLeftError | asyncio.CancelledError)],
    ids=named,
)
def test_foreseen_errors_explain_themselves(error: BaseException):
    """A foreseen error has a message, which is its own text."""
    assert Outcome.of(error).message == str(error) != ""


@pytest.mark.parametrize(("error", "grpc", "http", "reason"), EXAMPLES, ids=named)
def test_advice_is_worth_having(error: BaseException, grpc: StatusCode, http: int, reason: str):
    """Only where the same request may go better later does an answer say so."""
    assert Outcome.of(error).row.retry is isinstance(error, RETRIED)


def test_subclass_is_treated_like_its_parent():
    """An exception without a row of its own takes that of the nearest class above it."""

    class Particular(UnknownModelError):
        pass

    assert Outcome.of(Particular("none")).row is Outcome.of(UnknownModelError("none")).row


def test_violations():
    """Every field at fault is named, both in the message and one by one."""
    violations = Violation("top_n", "must be at least 1"), Violation("query", "must not be blank")
    outcome = Outcome.of(OutOfRangeError(*violations))
    assert outcome.violations == violations
    assert outcome.message == "top_n must be at least 1; query must not be blank"


def test_fields_are_named_by_the_form():
    """A form's own names stand in the message and in the violations; other fields and descriptions stay."""
    error = OutOfRangeError(Violation("query", "holds documents"), Violation("documents", "must not be documents"))
    outcome = Outcome.of(error, {"documents": "texts"})
    assert outcome.violations == (("query", "holds documents"), ("texts", "must not be documents"))
    assert outcome.message == "query holds documents; texts must not be documents"
    assert str(error) == "query holds documents; documents must not be documents"
    assert error.violations[1].field == "documents"


def test_form_names_of_a_large_message():
    """A message that is too large is told by the form's own name, and keeps its status."""
    outcome = Outcome.of(TooLargeError(3 * 2**20), {"documents": "texts"})
    assert outcome.message.startswith("texts ")
    assert "3 MiB" in outcome.message
    assert outcome.row is TABLE[TooLargeError]


@pytest.mark.parametrize("error", [DenyListedError(), InvalidRequestError("documents"), RateLimitedError(1)], ids=named)
def test_errors_without_fields(error: ServiceError):
    """An error without violations keeps its own words, however the form names its fields."""
    assert Outcome.of(error, {"documents": "texts"}).message == str(error)


def test_too_large_names_the_documents():
    """A message that is too large is told which field to send less of."""
    assert [violation.field for violation in Outcome.of(TooLargeError(10)).violations] == ["documents"]


@pytest.mark.parametrize("error", [RateLimitedError(2.5), scheduler.Shed(2.5), scheduler.Displaced(2.5)], ids=named)
def test_advice(error: BaseException):
    """The advice when to ask again comes through to the millisecond, and in whole seconds rounded up."""
    outcome = Outcome.of(error)
    assert outcome.retry_after_s == 2.5
    assert outcome.retry_after_whole_s == 3


@pytest.mark.parametrize(
    ("advice_s", "whole_s"),
    [
        (-5, 1),
        (0, 1),
        (1e-9, 1),
        (0.05, 1),
        (1, 1),
        (1.001, 2),
        (58.2, 59),
        (59, 59),
        (59.1, 59),
        (60, 59),
        (1e300, 59),
    ],
)
def test_whole_seconds(advice_s: float, whole_s: int):
    """Advice in whole seconds is rounded up, and stays in the range that clients follow."""
    assert Outcome.of(scheduler.Shed(advice_s)).retry_after_whole_s == whole_s


@pytest.mark.parametrize(("error", "grpc", "http", "reason"), EXAMPLES, ids=named)
def test_whole_seconds_without_advice(error: BaseException, grpc: StatusCode, http: int, reason: str):
    """The whole seconds of any outcome are in the range that clients follow."""
    assert 1 <= Outcome.of(error).retry_after_whole_s <= 59


def test_no_hope():
    """A request that was shed without advice is kept away for as long as clients allow."""
    assert Outcome.of(scheduler.Shed()).retry_after_whole_s == 59

"""Exceptions, and the tables that map each to a gRPC status, an HTTP status and a reason."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from grpc import StatusCode

import scheduler

DOCUMENTS = "documents"
"""The field key of the documents to rank."""
DOMAIN = "rerankd"
"""The ErrorInfo domain of every reason."""
_CLIENT_CLOSED = 499  # nginx's status for a closed connection; never sent.
_DENY_LISTED = 498  # Cohere's status for a blocked request.
_GENERIC = "Internal error; the server's log has the details under this request id."
_BYTES_RETRY_S = 1.0  # Most calls are answered within a second.
_RETRY_MAX_S = 59  # Client libraries honour a Retry-After of 1 to 59 seconds.


NO_FIELD_NAMES: Mapping[str, str] = MappingProxyType({})


class Violation(NamedTuple):
    """A field and its error."""

    field: str
    """Field name in `rerank.v2`; other API forms may rename it."""
    description: str


class ServiceError(Exception):
    """A failed call; the message tells the caller how to fix it."""

    retry_after_s: float | None = None
    violations: tuple[Violation, ...] = ()


class InvalidRequestError(ServiceError):
    """The request does not match the schema."""


class OutOfRangeError(ServiceError):
    """One or more fields are out of range; `violations` lists all of them."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__(_sentence(violations))
        self.violations = violations


class TooLargeError(ServiceError):
    """The message exceeds the size limit."""

    def __init__(self, bytes_max: int) -> None:
        self.violations = (Violation(DOCUMENTS, f"make the request exceed {bytes_max / 2**20:g} MiB; send fewer"),)
        super().__init__(_sentence(self.violations))


class MediaTypeError(ServiceError):
    """Content-Type is not application/json, or the body is compressed."""


class UnauthenticatedError(ServiceError):
    """The API key is missing or unknown."""


class ForbiddenError(ServiceError):
    """The API key does not permit the request."""


class DenyListedError(ServiceError):
    """The request contains a deny-listed term."""

    def __init__(self) -> None:
        super().__init__("the request contains a deny-listed term")


class UnsupportedError(ServiceError):
    """The models served cannot process the request."""


class UnknownModelError(ServiceError):
    """The server has no model of that name."""


class RateLimitedError(ServiceError):
    """The client exceeds its request rate."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("this client exceeds its request rate; retry later")
        self.retry_after_s = retry_after_s


class TooManyBytesError(ServiceError):
    """The server, or the caller's share of it, is full of unfinished calls."""

    def __init__(self) -> None:
        super().__init__("the server holds as many bytes of unfinished requests as it may; retry later, or send less")
        self.retry_after_s = _BYTES_RETRY_S


class TooSlowError(ServiceError):
    """The message did not arrive, or the answer was not read, in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"send each message, and read the answer, within {seconds:g} seconds")


class NotReadyError(ServiceError):
    """The models are still loading."""

    def __init__(self) -> None:
        super().__init__("the model is still loading; retry in a moment")


class CallerLeftError(ServiceError):
    """The caller closed the connection."""


class Status(NamedTuple):
    """The documentation of an HTTP error status."""

    description: str
    """Its text in the OpenAPI document."""
    retry_after: bool = False
    """True if responses with this status carry Retry-After."""


STATUSES: dict[int, Status] = {
    HTTPStatus.BAD_REQUEST: Status("The request does not match the schema."),
    HTTPStatus.UNAUTHORIZED: Status("The API key is missing or unknown."),
    HTTPStatus.FORBIDDEN: Status("The API key does not permit the request."),
    HTTPStatus.NOT_FOUND: Status("The server has no model of that name."),
    HTTPStatus.REQUEST_TIMEOUT: Status("The body did not arrive in time."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Status("The body exceeds the size limit."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Status("Content-Type is not application/json, or the body is compressed."),
    HTTPStatus.UNPROCESSABLE_ENTITY: Status("A field is out of range."),
    HTTPStatus.TOO_MANY_REQUESTS: Status(
        "The client exceeds its request rate; Retry-After gives the seconds to wait.", retry_after=True
    ),
    _DENY_LISTED: Status("The request contains a deny-listed term."),
    _CLIENT_CLOSED: Status("The caller closed the connection."),
    HTTPStatus.INTERNAL_SERVER_ERROR: Status("Internal error."),
    HTTPStatus.NOT_IMPLEMENTED: Status("The models served cannot process the request."),
    HTTPStatus.SERVICE_UNAVAILABLE: Status(
        "The server is overloaded, stopping or not ready; Retry-After gives the seconds to wait.", retry_after=True
    ),
    HTTPStatus.GATEWAY_TIMEOUT: Status("The deadline passed before the answer was ready."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """The gRPC status, HTTP status and reason of an outcome."""

    grpc: StatusCode
    http: int
    """A key of `STATUSES`."""
    reason: str
    """ErrorInfo.reason over gRPC; the outcome in metrics and logs."""
    retry: bool = False
    """True if the same request may succeed later."""


_SHED = Row(StatusCode.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, "SHED", retry=True)
_OUT_OF_RANGE = Row(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY, "OUT_OF_RANGE")
_INVALID = Row(StatusCode.INVALID_ARGUMENT, HTTPStatus.BAD_REQUEST, "INVALID_REQUEST")
_CANCELLED = Row(StatusCode.CANCELLED, _CLIENT_CLOSED, "CANCELLED")
_UNFORESEEN = Row(StatusCode.INTERNAL, HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL")

TABLE: dict[type[BaseException], Row] = {
    InvalidRequestError: _INVALID,
    OutOfRangeError: _OUT_OF_RANGE,
    scheduler.Oversized: _OUT_OF_RANGE,
    TooLargeError: Row(StatusCode.INVALID_ARGUMENT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "OUT_OF_RANGE"),
    MediaTypeError: Row(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "INVALID_REQUEST"),
    UnauthenticatedError: Row(StatusCode.UNAUTHENTICATED, HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED"),
    ForbiddenError: Row(StatusCode.PERMISSION_DENIED, HTTPStatus.FORBIDDEN, "FORBIDDEN"),
    DenyListedError: Row(StatusCode.FAILED_PRECONDITION, _DENY_LISTED, "DENY_LISTED"),
    UnsupportedError: Row(StatusCode.UNIMPLEMENTED, HTTPStatus.NOT_IMPLEMENTED, "NOT_IMPLEMENTED"),
    UnknownModelError: Row(StatusCode.NOT_FOUND, HTTPStatus.NOT_FOUND, "UNKNOWN_MODEL"),
    RateLimitedError: Row(StatusCode.RESOURCE_EXHAUSTED, HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED", retry=True),
    TooManyBytesError: Row(StatusCode.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, "TOO_MANY_BYTES", retry=True),
    TooSlowError: Row(StatusCode.DEADLINE_EXCEEDED, HTTPStatus.REQUEST_TIMEOUT, "TOO_SLOW"),
    scheduler.Shed: _SHED,
    scheduler.Displaced: _SHED,
    scheduler.Draining: Row(StatusCode.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, "DRAINING"),
    NotReadyError: Row(StatusCode.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, "NOT_READY"),
    scheduler.Expired: Row(StatusCode.DEADLINE_EXCEEDED, HTTPStatus.GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED"),
    CallerLeftError: _CANCELLED,
    asyncio.CancelledError: _CANCELLED,
    BaseException: _UNFORESEEN,
}
"""Searched in the method resolution order of the exception's class; the last row matches every exception."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A failed call, ready to be rendered."""

    row: Row
    message: str
    retry_after_s: float | None = None
    """Seconds until a retry may succeed; None if unknown, or if no retry can succeed."""
    violations: tuple[Violation, ...] = ()

    @classmethod
    def of(cls, error: BaseException, field_names: Mapping[str, str] = NO_FIELD_NAMES) -> "Outcome":
        """Return the outcome of a call that ended in `error`.

        `field_names` maps a field key to its name in the API form of the call; other keys keep theirs.
        """
        row = next(TABLE[cls_] for cls_ in type(error).__mro__ if cls_ in TABLE)
        violations = tuple(
            violation._replace(field=field_names.get(violation.field, violation.field))
            for violation in getattr(error, "violations", ())
        )
        message = _GENERIC if row is _UNFORESEEN else _sentence(violations) or str(error)
        return cls(row, message, getattr(error, "retry_after_s", None), violations)

    @property
    def retry_after_whole_s(self) -> int:
        """Retry-After: `retry_after_s` rounded up to whole seconds and clamped to 1 to 59.

        Without `retry_after_s`: 59 for a shed call, since no retry is expected to succeed soon; 1 otherwise.
        """
        if self.retry_after_s is None:
            return _RETRY_MAX_S if self.row.retry else 1
        return min(max(-int(-self.retry_after_s // 1), 1), _RETRY_MAX_S)


def _sentence(violations: Sequence[Violation]) -> str:
    return "; ".join(f"{field} {description}" for field, description in violations)

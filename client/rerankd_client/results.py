"""The result of a call, and the error of one that failed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

_STATUS = "grpc-status-details-bin"
"""Holds a `google.rpc.Status`. Two values are read from it by field number, which takes no package with its types."""
_DETAILS = 3
_REASON = _DELAY = 1
"""Of `google.rpc.ErrorInfo`, and of `google.rpc.RetryInfo`."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One scored document."""

    index: int
    """Its position among the documents sent."""
    relevance_score: float
    """In [0, 1]."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The documents in order of relevance, and the cost of the call."""

    id: str
    """Of the request, for the server's logs."""
    results: Sequence[Ranked]
    """By relevance descending, ties by index."""
    search_units: int
    input_tokens: int
    cached_tokens: int | None
    """Input tokens whose scores came from the server's cache; None if the server has no cache."""
    warnings: Sequence[str]
    """Sentences about texts that were truncated, or have no score."""

    @classmethod
    def of(cls, response: Any) -> "Ranking":
        """Return the ranking in a message."""
        return cls(
            id=response.id,
            results=tuple(Ranked(r.index, r.relevance_score) for r in response.results),
            search_units=round(response.meta.billed_units.search_units),
            input_tokens=round(response.meta.tokens.input_tokens),
            cached_tokens=round(response.meta.cached_tokens) if response.meta.HasField("cached_tokens") else None,
            warnings=tuple(response.meta.warnings),
        )


class RerankError(Exception):
    """A call that failed. Its text gives the reason and the message of the server."""

    def __init__(self, code: grpc.StatusCode, message: str, reason: str, retry_after_s: float | None) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        self.reason = reason
        """The reason, such as SHED, RATE_LIMITED or OUT_OF_RANGE; the name of `code` if the server gave none."""
        self.retry_after_s = retry_after_s
        """Seconds until a retry may succeed; None if a retry does not help, or the time is unknown."""

    @classmethod
    def of(cls, error: grpc.RpcError) -> "RerankError":
        """Return the error of a failed call."""
        code: grpc.StatusCode = error.code()
        reason, after_s = code.name, None
        for detail in _details(error):
            fields = dict(_fields(detail.value))
            if detail.TypeName() == "google.rpc.ErrorInfo":
                reason = fields.get(_REASON, b"").decode() or reason
            elif detail.TypeName() == "google.rpc.RetryInfo":
                after_s = Duration.FromString(fields.get(_DELAY, b"")).ToTimedelta().total_seconds()
        return cls(code, error.details() or "", reason, after_s)


def _details(error: grpc.RpcError) -> Iterator[AnyMessage]:
    trailers: Any = error.trailing_metadata() or ()
    status = next((value for key, value in trailers if key == _STATUS), b"")
    return (AnyMessage.FromString(value) for number, value in _fields(status) if number == _DETAILS)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Return the numbers and values of the fields of any message; strings and messages are bytes."""
    unknown: Any = UnknownFieldSet(Empty.FromString(message))
    return ((field.field_number, field.data) for field in unknown)

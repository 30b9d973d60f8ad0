"""What a call brings, or what it fails with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from rerank.v2 import rerank_pb2 as pb

_STATUS = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Ranked:
    """One scored document."""

    index: int
    """Its position among the documents sent."""
    relevance_score: float
    """In [0, 1]."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The documents in order of relevance, and what it took."""

    id: str
    """Of the request, for the server's logs."""
    results: Sequence[Ranked]
    """By relevance descending, ties by index."""
    search_units: int
    input_tokens: int
    cached_tokens: int | None
    """Those of them whose scores came from the server's cache; None: it has none."""
    warnings: Sequence[str]
    """What was not read, in sentences."""

    @classmethod
    def of(cls, response: pb.RerankResponse) -> "Ranking":
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
    """A call that was not answered. Its text says why."""

    def __init__(self, code: grpc.StatusCode, message: str, reason: str, retry_after_s: float | None) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        self.reason = reason
        """Such as SHED, RATE_LIMITED or OUT_OF_RANGE; the name of the code where the server gave none."""
        self.retry_after_s = retry_after_s
        """When to ask again; None where that does not help, or nobody knows."""

    @classmethod
    def of(cls, error: grpc.RpcError) -> "RerankError":
        """Return what a failed call means."""
        code: grpc.StatusCode = error.code()
        info, retry, advised = ErrorInfo(), RetryInfo(), False
        for detail in _details(error):
            detail.Unpack(info)
            advised = detail.Unpack(retry) or advised
        after_s = retry.retry_delay.ToTimedelta().total_seconds() if advised else None
        return cls(code, error.details() or "", info.reason or code.name, after_s)


def _details(error: grpc.RpcError) -> Sequence[AnyMessage]:
    trailers: Any = error.trailing_metadata()
    found = dict(trailers or ()).get(_STATUS, b"")
    details: Sequence[AnyMessage] = Status.FromString(found).details
    return details

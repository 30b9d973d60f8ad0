"""The client reads reason and delay of a failed call as the types of googleapis would."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from rerankd_client import RerankError


class Failure(grpc.RpcError):
    """A failed call with details, or none."""

    def __init__(self, *details: Message) -> None:
        packed = [Any() for _ in details]
        for into, detail in zip(packed, details, strict=True):
            into.Pack(detail)
        status = Status(code=14, message="no room", details=packed).SerializeToString()
        self._trailers = (("x-other", "1"), ("grpc-status-details-bin", status)) if details else None

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "no room"

    def trailing_metadata(self) -> object:  # type: ignore[override]
        return self._trailers


INFO = ErrorInfo(reason="SHED", domain="example", metadata={"request_id": "1"})
BAD = BadRequest(field_violations=[BadRequest.FieldViolation(field="OTHER", description="other")])


@pytest.mark.parametrize(
    ("details", "reason", "after_s"),
    [
        ((), "UNAVAILABLE", None),
        ((INFO,), "SHED", None),
        ((ErrorInfo(domain="example"),), "UNAVAILABLE", None),
        ((BAD, INFO), "SHED", None),
        ((INFO, BAD, RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))), "SHED", 2.5),
        ((RetryInfo(retry_delay=Duration(seconds=300)), INFO), "SHED", 300.0),
        ((RetryInfo(),), "UNAVAILABLE", 0.0),
    ],
)
def test_reason_and_advice_are_read(details: tuple[Message, ...], reason: str, after_s: float | None):
    """The reason is the server's, or the name of the code; the advice is there if the server gave any."""
    error = RerankError.of(Failure(*details))
    assert (error.reason, error.retry_after_s, error.code) == (reason, after_s, grpc.StatusCode.UNAVAILABLE)
    assert str(error) == f"{reason}: no room"

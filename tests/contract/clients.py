"""A client of each API, and its view of refusals."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from itertools import chain
from socket import MSG_PEEK, create_connection
from typing import Any, cast

import grpc
import httpx
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status
from rerank.v2 import rerank_pb2 as pb

from tests.examples import DOCUMENTS, QUERY

MESSAGE_BYTES = 32 * 2**20
"""The largest message that is taken."""
PATH = "/v2/rerank"
SERVICE = "rerank.v2.RerankService"
GOOD: dict[str, Any] = {"model": "rerank-v3.5", "query": QUERY, "documents": DOCUMENTS[:2]}
TIMEOUT_S = 600
SECRET = "xyzzy"  # noqa: S105  # A secret, but no password.
"""In the texts of what is sent; it has no business in the log or in a refusal."""

Metadata = tuple[tuple[str, str], ...]


def changed(**changes: object) -> dict[str, Any]:
    """Return a good request with these fields; `...` leaves one out."""
    return {name: value for name, value in (GOOD | changes).items() if value is not ...}


def encoded(fields: Mapping[str, Any]) -> bytes:
    """Return the fields as a JSON body."""
    return json.dumps(fields).encode()


def message(fields: Mapping[str, Any]) -> bytes:
    """Return the fields as an encoded message."""
    return pb.RerankRequest(**fields).SerializeToString()


def with_member(raw: bytes, member: bytes) -> bytes:
    """Return a body and one more member, written out."""
    return raw[:-1] + b"," + member + b"}"


def http_refusal(response: httpx.Response) -> str:
    """Return what an error response says, after a look at its form."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"message", "detail", "error", "id"}
    assert body["error"] == {"code": response.status_code, "message": body["message"]}
    assert body["detail"] == body["message"]
    assert body["message"]
    assert body["id"] == response.headers["x-request-id"]
    return body["message"]


def refused(answer: httpx.Response, status: int, *fields: str) -> str:
    """Return what a refusal says, after a look at whether it names these fields, and not what they hold."""
    assert answer.status_code == status, answer.text
    said = http_refusal(answer)
    assert all(field in said for field in fields), said
    assert SECRET not in answer.text
    assert len(said) < 10_000
    return said


@dataclass(frozen=True, slots=True)
class GrpcRefusal:
    """A rich status, unpacked."""

    code: grpc.StatusCode
    message: str
    reason: str
    request_id: str
    fields: tuple[str, ...]
    retry_s: float | None
    pushback_ms: int | None


def grpc_refusal(error: grpc.RpcError) -> GrpcRefusal:
    """Return what an error of this service says, after a look at its form."""
    call = cast("grpc.Call", error)  # Of asyncio, too, whose errors are none.
    status = rpc_status.from_call(call)
    assert status, f"no rich status: {error}"
    assert status.message
    details = {kind: _unpacked(status, kind) for kind in (ErrorInfo, BadRequest, RetryInfo)}
    (info,) = details[ErrorInfo]
    assert info.domain == "rerankd"
    assert info.metadata["request_id"]
    retry = details[RetryInfo]
    pushback = dict[str, str | bytes](call.trailing_metadata()).get("grpc-retry-pushback-ms")
    return GrpcRefusal(
        code=call.code(),
        message=status.message,
        reason=info.reason,
        request_id=info.metadata["request_id"],
        fields=tuple(v.field for bad in details[BadRequest] for v in bad.field_violations),
        retry_s=retry[0].retry_delay.ToMilliseconds() / 1000 if retry else None,
        pushback_ms=None if pushback is None else int(pushback),
    )


def refused_call(call: Callable[..., object], *args: Any, **options: Any) -> GrpcRefusal:
    """Return how a call of gRPC is refused; it has to be."""
    try:
        call(*args, **options)
    except grpc.RpcError as error:
        return grpc_refusal(error)
    raise AssertionError("the call was answered")


def _unpacked(status: Any, kind: Any) -> list[Any]:
    found = []
    for detail in status.details:
        if detail.Is(kind.DESCRIPTOR):
            into = kind()
            detail.Unpack(into)
            found.append(into)
    return found


class GrpcClient:
    """The RPCs of the service, taking messages as bytes so that they may be anything."""

    def __init__(self, address: str) -> None:
        """Connect to host:port."""
        unlimited = ("grpc.max_send_message_length", "grpc.max_receive_message_length")
        self.channel = grpc.insecure_channel(address, options=[(option, -1) for option in unlimited])

    def call(
        self,
        method: str,
        parts: Iterable[bytes],
        *,
        timeout: float | None = TIMEOUT_S,
        metadata: Metadata = (),
    ) -> bytes:
        """Return the encoded answer of a full method name to these messages. Raises grpc.RpcError."""
        rpc: grpc.StreamUnaryMultiCallable[bytes, bytes] = self.channel.stream_unary(method)
        return rpc(iter(parts), timeout=timeout, metadata=metadata)

    def rerank(self, request: bytes | Mapping[str, Any] = GOOD, **options: Any) -> pb.RerankResponse:
        """Return the answer of Rerank. Raises grpc.RpcError."""
        raw = request if isinstance(request, bytes) else message(request)
        return pb.RerankResponse.FromString(self.call(f"/{SERVICE}/Rerank", [raw], **options))

    def rerank_stream(
        self, request: Mapping[str, Any] = GOOD, more: Iterable[list[str]] = (), **options: Any
    ) -> pb.RerankResponse:
        """Return the answer of RerankStream to a request and the documents that follow it. Raises grpc.RpcError."""
        first = pb.RerankStreamRequest(request=pb.RerankRequest(**request))
        later = (pb.RerankStreamRequest(documents=pb.Documents(texts=texts)) for texts in more)
        raw = (part.SerializeToString() for part in chain((first,), later))
        answer = pb.RerankStreamResponse.FromString(self.call(f"/{SERVICE}/RerankStream", raw, **options))
        return answer.response

    def list_models(self, **options: Any) -> pb.ListModelsResponse:
        """Return the answer of ListModels. Raises grpc.RpcError."""
        return pb.ListModelsResponse.FromString(self.call(f"/{SERVICE}/ListModels", [b""], **options))


def on_the_wire(address: str, data: bytes, then: bytes = b"") -> httpx.Response:
    """Return the answer to these bytes; `then` are sent once the server has said to continue."""
    host, _, port = address.rpartition(":")
    with create_connection((host, int(port)), TIMEOUT_S) as connection:
        connection.sendall(data)
        if then:
            assert connection.recv(100, MSG_PEEK).startswith(b"HTTP/1.1 100 ")
            connection.sendall(then)
        with HTTPResponse(connection) as answer:
            answer.begin()  # Passes over 100 Continue.
            return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


def and_leave(address: str, data: bytes) -> None:
    """Send these bytes, or as many as are taken, and close the connection, reading nothing."""
    host, _, port = address.rpartition(":")
    with create_connection((host, int(port)), TIMEOUT_S) as connection, suppress(OSError):
        connection.sendall(data)

"""The gRPC API on a port of its own over a fake reranker, and a client for it."""

from collections.abc import AsyncIterator
from typing import Any, Self

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from rerank.v2 import rerank_pb2 as pb
from rerank.v2 import rerank_pb2_grpc
from tei.v1 import tei_pb2_grpc

from service.access.access import Access
from service.access.byte_budget import ByteBudget
from service.grpc_api.codec import Codec
from service.grpc_api.server import GrpcApi
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor
from service.telemetry.metrics import Metrics
from tests.unit.service.rerankers import FakeReranker, backend_on, calls_of, open_access

MESSAGE_BYTES = 2**21
TEXTS = ["the first", "the second"]
REQUEST = pb.RerankRequest(model="tiny", query="the query", documents=TEXTS)


class Api:
    """The API on a port of its own, and a client of it."""

    def __init__(self, access: Access | None = None, *, ready: bool = True, bytes_max: int = 2**30) -> None:
        self.reranker = FakeReranker()
        self.metrics = Metrics()
        self.budget = ByteBudget(bytes_max, bytes_max // 4)
        self.alive = True
        self.server = GrpcApi(
            backend_on(self.reranker if ready else None),
            calls_of(access or open_access(), self.metrics, self.budget),
            Limits(documents_max=5000, pairs_max=10_000, message_bytes=MESSAGE_BYTES, stream_bytes=4 * MESSAGE_BYTES),
            PriorityExecutor(1, 1000, "parse"),
            alive=lambda: self.alive,
            connections_max=100,
        )

    async def __aenter__(self) -> Self:
        self.address = f"127.0.0.1:{await self.server.start('127.0.0.1:0')}"
        await self.server.ready()
        self.channel = grpc.aio.insecure_channel(self.address)
        self.stub = rerank_pb2_grpc.RerankServiceStub(self.channel)
        self.tei = tei_pb2_grpc.RerankStub(self.channel)
        self.tei_info = tei_pb2_grpc.InfoStub(self.channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        await self.server.stop(0)

    async def fail(self, error: BaseException) -> grpc.aio.AioRpcError:
        """Make a right call that ends in an error."""
        self.reranker.answer = error
        return await failed(self.stub.Rerank(REQUEST))

    def unary(self, method: str) -> Any:
        """Return a method, by its path, that takes and answers bytes."""
        return self.channel.unary_unary(method)

    async def health(self, service: str) -> int:
        """Return the health of a service."""
        stub: Any = health_pb2_grpc.HealthStub(self.channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return int(answer.status)


def codec_of(limits: Limits) -> Codec:
    """Return a codec within `limits`, with a thread of its own."""
    return Codec(PriorityExecutor(1, 1000, "parse"), limits)


async def failed(call: Any) -> grpc.aio.AioRpcError:
    """Return the error that a call ends in."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def stream(*parts: Any) -> AsyncIterator[Any]:
    for part in parts:
        yield part


def details(error: grpc.aio.AioRpcError) -> dict[type, Any]:
    """Return the details of a rich status by kind."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status
    found: dict[type, Any] = {}
    for packed in status.details:
        for kind in (ErrorInfo, BadRequest, RetryInfo):
            if packed.Is(kind.DESCRIPTOR):
                found[kind] = kind.FromString(packed.value)
    assert len(found) == len(status.details)
    return found


def pushback(error: grpc.aio.AioRpcError) -> Any:
    """Return what a client library is told about asking again."""
    return dict(error.trailing_metadata()).get("grpc-retry-pushback-ms")

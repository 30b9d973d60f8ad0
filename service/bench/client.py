"""The gRPC client of a load test: sends serialised requests and classifies how each ends."""

import contextlib
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any

import grpc
from rerank.v2 import rerank_pb2 as pb

from service.bench.process import Process
from service.bench.workload import MIX, URGENT, Request

_SERVICE: str = pb.DESCRIPTOR.services_by_name["RerankService"].full_name
_PUSHBACK = "grpc-retry-pushback-ms"
_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # Otherwise channels to one address share a connection.
    ("grpc.enable_retries", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)


class Ending(StrEnum):
    """The outcome of a request."""

    IN_TIME = "answered in time"
    ADVISED = "refused or dropped, with advice"
    UNADVISED = "refused or dropped, without advice"
    LATE = "no answer by its deadline"
    FAILED = "failed"


class Client:
    """One connection per group, because urgent and bulk callers are different programs."""

    def __init__(self, process: Process, channels: dict[str, grpc.aio.Channel]) -> None:
        self.process = process
        """The service under test."""
        self._channels = channels
        # Without (de)serialisers: the client shares the cores with the service.
        self._rerank: dict[str, Any] = {
            name: channel.unary_unary(f"/{_SERVICE}/Rerank") for name, channel in channels.items()
        }

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, process: Process) -> AsyncIterator["Client"]:
        """Connect to a service; close the connections on exit."""
        async with contextlib.AsyncExitStack() as stack:
            yield cls(process, {group.name: await stack.enter_async_context(channel(process.grpc)) for group in MIX})

    async def model(self) -> str:
        """Return the name of the first model. Raises SystemExit if the service does not answer in 10 s."""
        list_models: Any = self._channels[URGENT.name].unary_unary(
            f"/{_SERVICE}/ListModels", response_deserializer=pb.ListModelsResponse.FromString
        )
        try:
            listed = await list_models(b"", timeout=10)
        except grpc.aio.AioRpcError as error:
            raise SystemExit(f"the service does not answer: {error.details()}") from None
        return str(listed.models[0].name)

    async def answer(self, raw: bytes, timeout_s: float, *, group: str = URGENT.name, name: str = "bench") -> bytes:
        """Send a serialised request as client `name`, and return the serialised response. Raises AioRpcError."""
        answer: bytes = await self._rerank[group](raw, timeout=timeout_s, metadata=(("x-client-name", name),))
        return answer

    async def send(self, request: Request, timeout_s: float) -> Ending:
        """Send a request and wait until it ends."""
        try:
            await self.answer(request.raw, timeout_s, group=request.group, name=request.client)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return Ending.LATE
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                return Ending.FAILED
            return Ending.ADVISED if _PUSHBACK in error.trailing_metadata() else Ending.UNADVISED
        return Ending.IN_TIME


def channel(address: str) -> grpc.aio.Channel:
    """Return a channel with its own connection, no message size limit and no retries."""
    return grpc.aio.insecure_channel(address, options=_OPTIONS)

"""The gRPC API: protobuf to messages and back, errors to rich status."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status
from rerank.v2 import rerank_pb2 as pb

from service.door import Door
from service.errors import DOMAIN, InvalidRequestError, Outcome, TooLargeError
from service.messages import MAX_TOKENS_PER_DOC, MESSAGE_BYTES_MAX, RerankRequest, RerankResult
from service.rerank import Call, Reranker
from service.telemetry import CallRecord, Telemetry

SERVICE: str = pb.DESCRIPTOR.services_by_name["RerankService"].full_name
"""Full name of the service; its health turns to SERVING once the model is warm."""
LIVENESS = "liveness"
"""Health name that follows progress, whatever the load."""

_API = "grpc"
_PUSHBACK = "grpc-retry-pushback-ms"
_NO_RETRY = "-1"
_MARGIN = 2**20  # A message a little too large is still taken in, so that the answer can say what is wrong with it.
_METADATA_BYTES_MAX = 16 * 2**10
_STREAM_BYTES_MAX = 4 * MESSAGE_BYTES_MAX
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX + _MARGIN),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", _METADATA_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # A port in use is an error, not a second server that gets half of the calls.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)

M = TypeVar("M", bound=Message)
_Context = grpc.aio.ServicerContext[Any, Any]


class GrpcApi:
    """Serves `rerank.v2.RerankService`, health and reflection."""

    def __init__(
        self,
        reranker: Reranker,
        door: Door,
        telemetry: Telemetry,
        *,
        default_timeout_s: float,
        alive: Callable[[], bool],
    ) -> None:
        """Answer through `reranker`; `alive` says whether the process makes progress."""
        self._reranker = reranker
        self._door = door
        self._telemetry = telemetry
        self._default_timeout_s = default_timeout_s
        self._health = _Health(alive)
        self._started = False
        self._server = grpc.aio.server(options=_OPTIONS)
        # Messages are taken as bytes and parsed here: grpc would answer undecodable ones with INTERNAL.
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Rerank": grpc.unary_unary_rpc_method_handler(
                self._rerank, response_serializer=pb.RerankResponse.SerializeToString
            ),
            "RerankStream": grpc.stream_unary_rpc_method_handler(
                self._rerank_stream, response_serializer=pb.RerankStreamResponse.SerializeToString
            ),
            "ListModels": grpc.unary_unary_rpc_method_handler(
                self._list_models, response_serializer=pb.ListModelsResponse.SerializeToString
            ),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)

    async def start(self, address: str) -> int:
        """Listen on `address`, answering NOT_SERVING; return the port. Raises RuntimeError if it is in use."""
        port = self._server.add_insecure_port(address)
        for name in (SERVICE, health.OVERALL_HEALTH):
            await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()
        self._started = True
        return port

    async def ready(self) -> None:
        """Answer SERVING from now on."""
        for name in (SERVICE, health.OVERALL_HEALTH):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def unready(self) -> None:
        """Answer NOT_SERVING for good."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, wait for those that run for up to `grace_s`, and close."""
        if self._started:  # grpc raises for a server that never was.
            await self._server.stop(grace_s)

    async def _rerank(self, raw: bytes, context: _Context) -> pb.RerankResponse:
        async def answer(record: CallRecord) -> pb.RerankResponse:
            call = await self._call(record, context)
            async with call.in_time():
                return await self._answer(_parse(pb.RerankRequest, raw), [], record, call)

        return await self._guarded(answer, context)

    async def _rerank_stream(self, parts: AsyncIterator[bytes], context: _Context) -> pb.RerankStreamResponse:
        async def answer(record: CallRecord) -> pb.RerankStreamResponse:
            call = await self._call(record, context)
            async with call.in_time():
                request, more = await _collect(parts, self._reranker.check_count)
                return pb.RerankStreamResponse(response=await self._answer(request, more, record, call))

        return await self._guarded(answer, context)

    async def _list_models(self, raw: bytes, context: _Context) -> pb.ListModelsResponse:
        async def answer(record: CallRecord) -> pb.ListModelsResponse:
            await self._call(record, context)
            _parse(pb.ListModelsRequest, raw)
            model = self._reranker.model
            return pb.ListModelsResponse(
                models=[
                    pb.Model(
                        name=model.name,
                        aliases=model.aliases,
                        max_input_tokens=model.engine.context,
                        is_default=True,
                    )
                ]
            )

        return await self._guarded(answer, context)

    async def _guarded(self, answer: Callable[[CallRecord], Awaitable[M]], context: _Context) -> M:
        """Return what `answer` does, recorded, or end the call with the status of what went wrong."""
        try:
            with self._telemetry.call(_API) as record:
                return await answer(record)
        except Exception as error:  # noqa: BLE001  # The table has a row for everything.
            return await _abort(error, record.id, context)

    async def _call(self, record: CallRecord, context: _Context) -> Call:
        """Return who calls, and until when. Raises UnauthenticatedError or RateLimitedError."""
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        record.client = await self._door.enter(metadata.get("authorization"), metadata.get("x-client-name"))
        remaining = context.time_remaining()
        timeout_s = self._default_timeout_s if remaining is None else remaining
        return Call(record.id, record.client, asyncio.get_running_loop().time() + timeout_s)

    async def _answer(
        self, request: pb.RerankRequest, more: list[str], record: CallRecord, call: Call
    ) -> pb.RerankResponse:
        self._reranker.check_count(len(request.documents) + len(more))
        asked = RerankRequest(
            model=request.model,
            query=request.query,
            documents=[*request.documents, *more],
            top_n=request.top_n if request.HasField("top_n") else None,
            max_tokens_per_doc=(
                request.max_tokens_per_doc if request.HasField("max_tokens_per_doc") else MAX_TOKENS_PER_DOC
            ),
            lane=request.priority,
        )
        record.lane, record.documents = asked.lane, len(asked.documents)
        record.result = await self._reranker.rerank(asked, call)
        return _response(record.result)


class _Health(health.aio.HealthServicer):
    """Health by service name; that of `LIVENESS` is looked up whenever somebody checks it."""

    def __init__(self, alive: Callable[[], bool]) -> None:
        super().__init__()
        self._alive = alive

    async def Check(  # noqa: N802  # The name grpc calls it by.
        self, request: health_pb2.HealthCheckRequest, context: _Context
    ) -> health_pb2.HealthCheckResponse:
        """Answer a probe."""
        if request.service != LIVENESS:
            return await super().Check(request, context)
        served = health_pb2.HealthCheckResponse
        return served(status=served.SERVING if self._alive() else served.NOT_SERVING)


def _parse(kind: type[M], raw: bytes) -> M:
    """Return a message. Raises InvalidRequestError or TooLargeError."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raise TooLargeError(MESSAGE_BYTES_MAX)
    try:
        return kind.FromString(raw)
    except DecodeError:
        raise InvalidRequestError(
            f"the message is not a {kind.DESCRIPTOR.full_name}, or its text is not UTF-8"
        ) from None


async def _collect(
    parts: AsyncIterator[bytes], check_count: Callable[[int], None]
) -> tuple[pb.RerankRequest, list[str]]:
    """Return the request of a stream and the documents that came after it; stop as soon as they are too many."""
    request: pb.RerankRequest | None = None
    documents: list[str] = []
    size = 0
    async for raw in parts:
        size += len(raw)
        if size > _STREAM_BYTES_MAX:
            raise TooLargeError(_STREAM_BYTES_MAX)
        part = _parse(pb.RerankStreamRequest, raw)
        kind = part.WhichOneof("part")
        if kind is None or (kind == "request") != (request is None):
            raise InvalidRequestError("the first message carries the request, and each later one documents")
        if kind == "request":
            request = part.request
        else:
            check_count(len(request.documents) + len(documents) + len(part.documents.texts) if request else 0)
            documents += part.documents.texts
    if request is None:
        raise InvalidRequestError("the stream ended before its first message")
    return request, documents


def _response(result: RerankResult) -> pb.RerankResponse:
    return pb.RerankResponse(
        id=result.id,
        results=[pb.RerankResult(index=r.index, relevance_score=r.relevance_score) for r in result.results],
        meta=pb.Meta(
            api_version=pb.ApiVersion(version="2"),
            billed_units=pb.BilledUnits(search_units=result.search_units),
            tokens=pb.Tokens(input_tokens=result.input_tokens),
            warnings=result.warnings,
        ),
    )


async def _abort(error: Exception, call_id: str, context: _Context) -> NoReturn:
    """End a call with a rich status: what happened, whether to ask again, and when."""
    outcome = Outcome.of(error)
    details: list[Message] = [ErrorInfo(reason=outcome.row.reason, domain=DOMAIN, metadata={"request_id": call_id})]
    if outcome.violations:
        fields = [BadRequest.FieldViolation(field=v.field, description=v.description) for v in outcome.violations]
        details.append(BadRequest(field_violations=fields))
    pushback = []
    if outcome.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(round(outcome.retry_after_s * 1000))
        details.append(RetryInfo(retry_delay=delay))
        pushback = [(_PUSHBACK, str(delay.ToMilliseconds()))]
    elif outcome.row.retry:
        pushback = [(_PUSHBACK, _NO_RETRY)]
    packed = [AnyMessage() for _ in details]
    for into, detail in zip(packed, details, strict=True):
        into.Pack(detail)
    status = rpc_status.to_status(Status(code=outcome.row.grpc.value[0], message=outcome.message, details=packed))
    # Not abort_with_status: it would replace the pushback with the status's own trailers.
    try:
        await context.abort(status.code, status.details, trailing_metadata=(*status.trailing_metadata, *pushback))
    except grpc.aio.InternalError:  # The call is over already: its deadline came first.
        raise asyncio.CancelledError from None
    raise AssertionError("abort raises")

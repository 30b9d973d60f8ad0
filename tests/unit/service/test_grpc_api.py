"""Tests of the gRPC API, over a use case that answers what the test says."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from rerank.v2 import rerank_pb2 as pb
from rerank.v2 import rerank_pb2_grpc

from scheduler import Displaced, Draining, Expired, Oversized, Shed
from service.door import Door
from service.errors import (
    InvalidRequestError,
    NotReadyError,
    OutOfRangeError,
    RateLimitedError,
    TooLargeError,
    UnknownModelError,
    Violation,
)
from service.grpc_api import LIVENESS, SERVICE, GrpcApi, _collect, _parse
from service.messages import MESSAGE_BYTES_MAX, Ranked, RerankRequest, RerankResult
from service.telemetry import Telemetry
from tests.unit.service.wired import FakeReranker, locked_door, open_door, until

TEXTS = ["the first", "the second"]
REQUEST = pb.RerankRequest(model="tiny", query="the query", documents=TEXTS)


class Api:
    """The API on a port of its own, and a client of it."""

    def __init__(self, door: Door | None = None) -> None:
        self.reranker = FakeReranker()
        self.telemetry = Telemetry()
        self.alive = True
        self.server = GrpcApi(
            self.reranker,  # type: ignore[arg-type]
            door or open_door(),
            self.telemetry,
            default_timeout_s=60,
            alive=lambda: self.alive,
        )

    async def __aenter__(self) -> Self:
        port = await self.server.start("127.0.0.1:0")
        await self.server.ready()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self.stub = rerank_pb2_grpc.RerankServiceStub(self.channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        await self.server.stop(0)

    async def fail(self, error: BaseException) -> grpc.aio.AioRpcError:
        """Make a right call that ends in an error."""
        self.reranker.answer = error
        return await failed(self.stub.Rerank(REQUEST))

    async def health(self, service: str) -> int:
        """Return the health of a service."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return int(answer.status)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with Api() as api:
        yield api


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Api]:
    async with Api(locked_door(tmp_path)) as api:
        yield api


async def failed(call: Any) -> grpc.aio.AioRpcError:
    """Return the error that a call ends in."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def stream(*parts: Any) -> AsyncIterator[Any]:
    for part in parts:
        yield part


def first(**fields: Any) -> pb.RerankStreamRequest:
    """Return the first message of a stream."""
    return pb.RerankStreamRequest(request=pb.RerankRequest(model="tiny", query="the query", **fields))


def more(*texts: str) -> pb.RerankStreamRequest:
    """Return a later message of a stream."""
    return pb.RerankStreamRequest(documents=pb.Documents(texts=texts))


def details(error: grpc.aio.AioRpcError) -> dict[type, Any]:
    """Return the details of a rich status by kind."""
    status = rpc_status.from_call(error)
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


async def test_answer(api: Api):
    """A right request is answered with what the use case returns."""
    answer = await api.stub.Rerank(REQUEST)
    assert [(r.index, r.relevance_score) for r in answer.results] == [(1, 0.75), (0, 0.25)]
    assert answer.id == "an id"
    assert answer.meta.api_version.version == "2"
    assert answer.meta.billed_units.search_units == 3
    assert answer.meta.tokens.input_tokens == 42
    assert list(answer.meta.warnings) == ["document 1 was cut to 5 tokens"]


async def test_what_is_never_set(api: Api):
    """Fields that this server has nothing to say in stay absent."""
    meta = (await api.stub.Rerank(REQUEST)).meta
    assert not meta.HasField("cached_tokens")
    assert not meta.tokens.HasField("output_tokens")
    assert [field.name for field, _ in meta.billed_units.ListFields()] == ["search_units"]


async def test_scores_to_the_last_bit(api: Api):
    """A score arrives as it was."""
    scores = [0.1 + 0.2, 1e-300, 5e-324, 1 - 2**-53, 0.0, 1.0]
    api.reranker.answer = RerankResult("id", [Ranked(i, s) for i, s in enumerate(scores)], 1, 5, [], 0, 0)
    assert [result.relevance_score for result in (await api.stub.Rerank(REQUEST)).results] == scores


async def test_least(api: Api):
    """Fields that are absent have their defaults."""
    await api.stub.Rerank(REQUEST)
    assert api.reranker.requests == [RerankRequest("tiny", "the query", TEXTS, None, 4096, 0)]


async def test_everything(api: Api):
    """Every field arrives where it belongs."""
    request = pb.RerankRequest(top_n=1, max_tokens_per_doc=5, priority=999)
    request.MergeFrom(REQUEST)
    await api.stub.Rerank(request)
    assert api.reranker.requests == [RerankRequest("tiny", "the query", TEXTS, 1, 5, 999)]


async def test_unknown_fields_are_ignored(api: Api):
    """Fields from a later version of the schema change nothing."""
    call = api.channel.unary_unary(f"/{SERVICE}/Rerank")
    await call(REQUEST.SerializeToString() + b"\xfa\x3f\x03new")
    assert api.reranker.requests == [RerankRequest("tiny", "the query", TEXTS)]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"top_n": 0}, "top_n"),
        ({"top_n": -1}, "top_n"),
        ({"max_tokens_per_doc": 0}, "max_tokens_per_doc"),
        ({"priority": -1}, "priority"),
        ({"priority": 1000}, "priority"),
        ({"priority": 2**31 - 1}, "priority"),
        ({"query": " "}, "query"),
    ],
)
async def test_out_of_range(fields: dict[str, Any], name: str, api: Api):
    """A value out of range is refused, even one that is zero on the wire, and the field named."""
    request = pb.RerankRequest()
    request.CopyFrom(REQUEST)
    request.MergeFrom(pb.RerankRequest(**fields))
    error = await failed(api.stub.Rerank(request))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert details(error)[ErrorInfo].reason == "OUT_OF_RANGE"
    assert [violation.field for violation in details(error)[BadRequest].field_violations] == [name]


async def test_all_violations_at_once(api: Api):
    """Everything out of range is told in one answer."""
    error = await failed(api.stub.Rerank(pb.RerankRequest(model="tiny", top_n=0)))
    fields = [violation.field for violation in details(error)[BadRequest].field_violations]
    assert fields == ["query", "documents", "top_n"]


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("Rerank", b"\xff\xff"),
        ("Rerank", b"\x0a\x05ab"),
        ("Rerank", b"\x0a\x02\xff\xfe"),
        ("ListModels", b"\xff\xff"),
        ("ListModels", b"\x0a\x05ab"),
    ],
)
async def test_malformed(method: str, raw: bytes, api: Api):
    """Bytes that are no message are the caller's mistake, not the server's."""
    error = await failed(api.channel.unary_unary(f"/{SERVICE}/{method}")(raw))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert details(error)[ErrorInfo].reason == "INVALID_REQUEST"


def test_too_large():
    """A message a little too large for the server is refused in words."""
    with pytest.raises(TooLargeError):
        _parse(pb.RerankRequest, b" " * (MESSAGE_BYTES_MAX + 1))


async def test_client_name(api: Api):
    """A caller's project is what its metadata say, or nobody in particular."""
    await api.stub.Rerank(REQUEST, metadata=[("x-client-name", "project")])
    await api.stub.Rerank(REQUEST)
    assert [call.client for call in api.reranker.calls] == ["project", "anonymous"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_key(scheme: str, locked: Api):
    """A key in the metadata names the client, whatever it calls itself."""
    await locked.stub.Rerank(REQUEST, metadata=[("authorization", f"{scheme} s3cret"), ("x-client-name", "other")])
    assert locked.reranker.calls[0].client == "ann"


@pytest.mark.parametrize("metadata", [[], [("authorization", "Bearer wrong")], [("x-client-name", "ann")]])
async def test_no_key(metadata: list[tuple[str, str]], locked: Api):
    """Where keys are asked for, every method is refused without the right one."""
    calls = (
        locked.stub.Rerank(REQUEST, metadata=metadata),
        locked.stub.RerankStream(stream(first(documents=TEXTS)), metadata=metadata),
        locked.stub.ListModels(pb.ListModelsRequest(), metadata=metadata),
    )
    for call in calls:
        error = await failed(call)
        assert error.code() is StatusCode.UNAUTHENTICATED
        assert details(error)[ErrorInfo].reason == "UNAUTHENTICATED"
    assert locked.reranker.requests == []


async def test_key_before_message(locked: Api):
    """Without a key, nobody learns what is wrong with a message."""
    error = await failed(locked.channel.unary_unary(f"/{SERVICE}/Rerank")(b"\xff\xff"))
    assert error.code() is StatusCode.UNAUTHENTICATED


async def test_health_needs_no_key(locked: Api):
    """A probe brings no key."""
    assert await locked.health(SERVICE) == health_pb2.HealthCheckResponse.SERVING


async def test_rate():
    """A client over its rate is refused before its message is looked at, and told when to ask again."""
    async with Api(open_door(1)) as api:
        await api.stub.Rerank(REQUEST)
        error = await failed(api.channel.unary_unary(f"/{SERVICE}/Rerank")(b"\xff\xff"))
    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    assert pushback(error) == "1000"


async def test_default_deadline(api: Api):
    """A call that brings no deadline has the default."""
    await api.stub.Rerank(REQUEST)
    assert 50 < api.reranker.remaining_s[0] <= 60


async def test_deadline(api: Api):
    """A call's deadline is its own."""
    await api.stub.Rerank(REQUEST, timeout=3600)
    assert 3590 < api.reranker.remaining_s[0] <= 3610  # The wire carries three digits.


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (UnknownModelError("no such model"), StatusCode.NOT_FOUND, "UNKNOWN_MODEL"),
        (RateLimitedError(1), StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED"),
        (Shed(1), StatusCode.UNAVAILABLE, "SHED"),
        (Displaced(1), StatusCode.UNAVAILABLE, "SHED"),
        (Draining(), StatusCode.UNAVAILABLE, "DRAINING"),
        (NotReadyError(), StatusCode.UNAVAILABLE, "NOT_READY"),
        (Expired(), StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        (Oversized(), StatusCode.INVALID_ARGUMENT, "OUT_OF_RANGE"),
    ],
)
async def test_error(error: Exception, code: StatusCode, reason: str, api: Api):
    """Each error of the use case has its code and its reason, under the id of the call."""
    found = await api.fail(error)
    assert (found.code(), found.details()) == (code, str(error))
    info = details(found)[ErrorInfo]
    assert (info.reason, info.domain) == (reason, "rerankd")
    assert info.metadata["request_id"] == api.reranker.calls[0].id


@pytest.mark.parametrize("error", [ValueError("the secret"), KeyError("the secret"), RuntimeError()])
async def test_unforeseen_error(error: Exception, api: Api):
    """What nobody foresaw is answered in fixed words."""
    found = await api.fail(error)
    assert found.code() is StatusCode.INTERNAL
    assert found.details() == "An unforeseen error; the server's log has it under the request id."
    assert details(found)[ErrorInfo].reason == "INTERNAL"


@pytest.mark.parametrize(("error", "ms"), [(Shed(2.5), 2500), (Displaced(0.05), 50), (RateLimitedError(1), 1000)])
async def test_advice(error: Exception, ms: int, api: Api):
    """Where asking again may help, the answer says when, both to programs and to client libraries."""
    found = await api.fail(error)
    assert details(found)[RetryInfo].retry_delay.ToMilliseconds() == ms
    assert pushback(found) == str(ms)


async def test_no_hope(api: Api):
    """Where asking again cannot help, client libraries are told not to."""
    found = await api.fail(Shed())
    assert RetryInfo not in details(found)
    assert pushback(found) == "-1"


@pytest.mark.parametrize("error", [UnknownModelError("none"), Expired(), Draining(), NotReadyError(), ValueError()])
async def test_no_advice(error: Exception, api: Api):
    """Where nothing is known about asking again, nothing is said."""
    found = await api.fail(error)
    assert RetryInfo not in details(found)
    assert pushback(found) is None


async def test_caller_leaves(api: Api):
    """When a caller cancels a call, the work for it ends, and is counted as cancelled."""
    api.reranker.answer = None
    call = api.stub.Rerank(REQUEST)
    asking = asyncio.ensure_future(call)
    await api.reranker.asked.wait()
    call.cancel()
    await until(lambda: api.reranker.cancelled == 1)
    await until(lambda: b'outcome="CANCELLED"' in api.telemetry.exposition())
    await asyncio.gather(asking, return_exceptions=True)


async def test_stream(api: Api):
    """The documents of a stream are numbered on in the order they are sent."""
    parts = stream(first(documents=["one"], top_n=2, priority=7), more("two", "three"), more(), more("four"))
    answer = await api.stub.RerankStream(parts)
    assert [result.index for result in answer.response.results] == [1, 0]
    assert api.reranker.requests == [RerankRequest("tiny", "the query", ["one", "two", "three", "four"], 2, 4096, 7)]


async def test_stream_error(api: Api):
    """A stream that fails ends in a rich status like any call."""
    error = await failed(api.stub.RerankStream(stream(more("one"))))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert details(error)[ErrorInfo].reason == "INVALID_REQUEST"


def any_number(_: int) -> None:
    """Take any number of documents."""


async def test_collect():
    """A stream's request keeps its own documents, and those that follow are put after them."""
    raw = [part.SerializeToString() for part in (first(documents=["one"]), more("two"), more("three", "four"))]
    request, documents = await _collect(stream(*raw), any_number)
    assert list(request.documents) == ["one"]
    assert documents == ["two", "three", "four"]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([], id="nothing"),
        pytest.param([more("one")], id="documents first"),
        pytest.param([first(), first()], id="two requests"),
        pytest.param([first(), more("one"), first()], id="request last"),
        pytest.param([pb.RerankStreamRequest()], id="empty first"),
        pytest.param([first(), pb.RerankStreamRequest()], id="empty later"),
    ],
)
async def test_collect_out_of_order(parts: list[pb.RerankStreamRequest]):
    """A stream that is not one request and then documents is malformed."""
    with pytest.raises(InvalidRequestError):
        await _collect(stream(*(part.SerializeToString() for part in parts)), any_number)


async def test_collect_malformed():
    """Bytes that are no part of a stream are malformed, wherever they come."""
    with pytest.raises(InvalidRequestError, match=r"rerank\.v2\.RerankStreamRequest"):
        await _collect(stream(first().SerializeToString(), b"\xff\xff"), any_number)


async def test_list_models(api: Api):
    """The model is listed with all its names and what it reads."""
    (model,) = (await api.stub.ListModels(pb.ListModelsRequest())).models
    assert (model.name, list(model.aliases), model.max_input_tokens, model.is_default) == (
        "tiny",
        ["small", "other"],
        32,
        True,
    )


async def test_list_models_before_there_is_one(api: Api):
    """Until there is a model, the list is not ready either."""
    api.reranker.ready = False
    error = await failed(api.stub.ListModels(pb.ListModelsRequest()))
    assert error.code() is StatusCode.UNAVAILABLE
    assert details(error)[ErrorInfo].reason == "NOT_READY"


@pytest.mark.parametrize("service", [SERVICE, ""])
async def test_health(service: str):
    """The service, and the server as a whole, is healthy from the moment it is ready until it is not for good."""
    served = health_pb2.HealthCheckResponse
    api = Api()
    port = await api.server.start("127.0.0.1:0")
    api.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    before = await api.health(service)
    await api.server.ready()
    during = await api.health(service)
    await api.server.unready()
    after = await api.health(service)
    assert [before, during, after] == [served.NOT_SERVING, served.SERVING, served.NOT_SERVING]
    await api.channel.close()
    await api.server.stop(0)


async def test_liveness(api: Api):
    """Liveness follows progress alone, whether the service is ready or not."""
    await api.server.unready()
    assert await api.health(LIVENESS) == health_pb2.HealthCheckResponse.SERVING
    api.alive = False
    assert await api.health(LIVENESS) == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_health_of_nobody(api: Api):
    """A service that is not there has no health."""
    assert (await failed(api.health("no.such.Service"))).code() is StatusCode.NOT_FOUND


async def test_no_such_method(api: Api):
    """A method that is not there is unimplemented."""
    error = await failed(api.channel.unary_unary(f"/{SERVICE}/Nothing")(b""))
    assert error.code() is StatusCode.UNIMPLEMENTED


async def test_port_in_use(api: Api):
    """A port that another server has is an error, not shared."""
    other = Api()
    port = await other.server.start("127.0.0.1:0")
    with pytest.raises(RuntimeError):
        await Api().server.start(f"127.0.0.1:{port}")
    await other.server.stop(0)


async def test_counted_as_grpc(api: Api):
    """A call is counted with its api and its lane."""
    request = pb.RerankRequest(priority=500)
    request.MergeFrom(REQUEST)
    await api.stub.Rerank(request)
    expected = b'rerank_requests_total{api="grpc",lanes="500-999",outcome="OK"} 1.0'
    assert expected in api.telemetry.exposition()


async def test_log_holds_no_text(api: Api, capfd: pytest.CaptureFixture[str]):
    """Neither the query nor a document is logged, however the call ends."""
    await api.stub.Rerank(REQUEST)
    await api.fail(Shed(1))
    await failed(api.stub.Rerank(pb.RerankRequest(model="tiny", query="the query", documents=TEXTS, top_n=0)))
    written = "".join(capfd.readouterr())
    assert "OUT_OF_RANGE" in written
    assert not any(text in written for text in ("the query", *TEXTS))


async def test_collect_too_many():
    """A stream is given up with the message that brings one document too many, not at its end."""

    def at_most_3(documents: int) -> None:
        if documents > 3:
            raise OutOfRangeError(Violation("documents", "may be 3 at most"))

    parts = [part.SerializeToString() for part in (first(documents=["a"]), more("b", "c", "d"))]
    with pytest.raises(OutOfRangeError):
        await _collect(stream(*parts), at_most_3)

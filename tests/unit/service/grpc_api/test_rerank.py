"""rerank.v2 converts requests, streams and results without loss, and refuses malformed streams early."""

import re
from dataclasses import replace
from typing import Any

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc import StatusCode
from rerank.v2 import rerank_pb2 as pb

from service.errors import InvalidRequestError, OutOfRangeError
from service.grpc_api.rerank import SERVICE, collect
from service.rerank.request import RerankRequest
from service.rerank.result import Ranked
from tests.unit.service.grpc_api.grpc_client import REQUEST, TEXTS, Api, codec_of, details, failed, stream
from tests.unit.service.rerankers import LIMITS, RESULT


def first(**fields: Any) -> pb.RerankStreamRequest:
    """Return the first message of a stream."""
    return pb.RerankStreamRequest(request=pb.RerankRequest(model="tiny", query="the query", **fields))


def more(*texts: str) -> pb.RerankStreamRequest:
    """Return a later message of a stream."""
    return pb.RerankStreamRequest(documents=pb.Documents(texts=texts))


async def test_answer(api: Api):
    """A right request is answered with what the use case returns."""
    answer = await api.stub.Rerank(REQUEST)
    assert [(r.index, r.relevance_score) for r in answer.results] == [(1, 0.75), (0, 0.25)]
    assert answer.id == "an id"
    assert answer.meta.api_version.version == "2"
    assert answer.meta.billed_units.search_units == 3
    assert answer.meta.tokens.input_tokens == 42
    assert list(answer.meta.warnings) == ["document 1 (9 tokens) was cut to 5 tokens"]


async def test_what_is_never_set(api: Api):
    """Fields that this server has nothing to say in stay absent."""
    meta = (await api.stub.Rerank(REQUEST)).meta
    assert not meta.HasField("cached_tokens")
    assert not meta.tokens.HasField("output_tokens")
    assert [field.name for field, _ in meta.billed_units.ListFields()] == ["search_units"]


async def test_scores_to_the_last_bit(api: Api):
    """A score arrives as it was."""
    scores = [0.1 + 0.2, 1e-300, 5e-324, 1 - 2**-53, 0.0, 1.0]
    api.reranker.answer = replace(RESULT, results=[Ranked(i, score) for i, score in enumerate(scores)])
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
    await api.unary(f"/{SERVICE}/Rerank")(REQUEST.SerializeToString() + b"\xfa\x3f\x03new")
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
    error = await failed(api.unary(f"/{SERVICE}/{method}")(raw))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert details(error)[ErrorInfo].reason == "INVALID_REQUEST"


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


async def test_collect():
    """A stream's request keeps its own documents, and those that follow are put after them."""
    raw = [part.SerializeToString() for part in (first(documents=["one"]), more("two"), more("three", "four"))]
    request, documents = await collect(stream(*raw), codec_of(LIMITS), 0)
    assert (request.model, request.query) == ("tiny", "the query")
    assert documents == ["one", "two", "three", "four"]


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
        await collect(stream(*(part.SerializeToString() for part in parts)), codec_of(LIMITS), 0)


async def test_collect_malformed():
    """Bytes that are no part of a stream are malformed, wherever they come."""
    with pytest.raises(InvalidRequestError, match=r"rerank\.v2\.RerankStreamRequest"):
        await collect(stream(first().SerializeToString(), b"\xff\xff"), codec_of(LIMITS), 0)


async def test_collect_too_many():
    """A stream is given up with the message that brings one document too many, not at its end."""
    parts = [part.SerializeToString() for part in (first(documents=["a"]), more("b", "c", "d"))]
    with pytest.raises(OutOfRangeError):
        await collect(stream(*parts), codec_of(replace(LIMITS, documents_max=3)), 0)


@pytest.mark.parametrize("method", ["Rerank", "RerankStream"])
async def test_too_many_documents(method: str, api: Api):
    """More documents than the server takes are refused with both numbers, in a message or in a stream's first one."""
    request = pb.RerankRequest(model="tiny", query="q", documents=["one"] * 5001)
    message = request if method == "Rerank" else pb.RerankStreamRequest(request=request)
    call: Any = api.channel.stream_unary(f"/{SERVICE}/{method}")
    error = await failed(call(stream(message.SerializeToString())))
    assert re.fullmatch("documents .*5,000.*5,001", error.details() or "")
    assert details(error)[ErrorInfo].reason == "OUT_OF_RANGE"
    assert api.reranker.requests == []


async def test_list_models(api: Api):
    """The models are listed with all their names and what they read, the default one first."""
    models = (await api.stub.ListModels(pb.ListModelsRequest())).models
    assert [(m.name, list(m.aliases), m.max_input_tokens, m.is_default) for m in models] == [
        ("tiny", ["small", "other"], 32, True),
        ("second", [], 64, False),
    ]


async def test_before_there_is_a_model():
    """Until there is a model, neither the list nor an answer is ready."""
    async with Api(ready=False) as api:
        for call in (api.stub.ListModels(pb.ListModelsRequest()), api.stub.Rerank(REQUEST)):
            error = await failed(call)
            assert error.code() is StatusCode.UNAVAILABLE
            assert details(error)[ErrorInfo].reason == "NOT_READY"

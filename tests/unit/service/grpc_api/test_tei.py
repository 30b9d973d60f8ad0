"""tei.v1 answers as text-embeddings-inference does, and names fields as its clients know them."""

from dataclasses import replace
from importlib.metadata import version
from math import inf, log
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc import StatusCode
from tei.v1 import tei_pb2 as pb
from tei.v1.tei_pb2_grpc import RerankStub

from scheduler import Shed
from service.grpc_api.tei import RERANK
from service.rerank.request import RerankRequest
from service.rerank.result import Ranked, RerankResult
from tests.unit.service.grpc_api.grpc_client import MESSAGE_BYTES, TEXTS, Api, details, failed, pushback, stream
from tests.unit.service.rerankers import RESULT

REQUEST = pb.RerankRequest(query="the query", texts=TEXTS)


def scored(*scores: float) -> RerankResult:
    """Return a result with these scores."""
    return replace(RESULT, results=[Ranked(i, score) for i, score in enumerate(scores)])


def changed(**fields: Any) -> pb.RerankRequest:
    """Return a right request with some fields set."""
    request = pb.RerankRequest(**fields)
    request.MergeFrom(REQUEST)
    return request


async def test_answer(api: Api):
    """A right request is answered with the texts that the use case ranked, by score descending."""
    answer = await api.tei.Rerank(REQUEST)
    assert [(rank.index, rank.score) for rank in answer.ranks] == [(1, 0.75), (0, 0.25)]
    assert not any(rank.HasField("text") for rank in answer.ranks)
    assert api.reranker.requests == [RerankRequest(None, "the query", TEXTS)]


async def test_texts_come_back(api: Api):
    """Each rank has its text if texts are asked for."""
    answer = await api.tei.Rerank(changed(return_text=True))
    assert [rank.text for rank in answer.ranks] == TEXTS[::-1]


async def test_raw_scores(api: Api):
    """Raw scores are logits, in the precision that the wire has."""
    answer = await api.tei.Rerank(changed(raw_scores=True))
    assert [rank.score for rank in answer.ranks] == pytest.approx([log(3), -log(3)], rel=1e-7)


async def test_raw_scores_are_finite(api: Api):
    """A score that was rounded to 0 or 1 has a logit too."""
    api.reranker.answer = scored(1.0, 0.0)
    most, least = (rank.score for rank in (await api.tei.Rerank(changed(raw_scores=True))).ranks)
    assert -inf < least < -30 < 30 < most < inf


async def test_truncate_changes_nothing(api: Api):
    """Long texts are read in windows, whatever the caller says of truncating them."""
    assert await ranks_of(api, truncate=True) == await ranks_of(api, truncate=False)
    first, second = api.reranker.requests
    assert first == second


async def ranks_of(api: Api, **fields: Any) -> list[pb.Rank]:
    """Return the ranks of a right request with some fields set."""
    return list((await api.tei.Rerank(changed(**fields))).ranks)


async def test_metadata(api: Api):
    """An answer says what is known of the work that it took, in whole nanoseconds, and nothing else."""
    found = (await api.tei.Rerank(REQUEST)).metadata
    assert found.total_time_ns > 0
    found.ClearField("total_time_ns")
    characters = 2 * len("the query") + sum(map(len, TEXTS))
    assert found == pb.Metadata(
        compute_chars=characters, compute_tokens=42, tokenization_time_ns=1_000_000, queue_time_ns=2_000_000
    )


async def test_metadata_beyond_their_type(api: Api):
    """A number that its field cannot hold is given as the largest that it can."""
    api.reranker.answer = replace(RESULT, results=[], input_tokens=2**40)
    answer = await api.tei.Rerank(pb.RerankRequest(query="q" * 2**20, texts=[""] * 2**12))
    assert (answer.metadata.compute_chars, answer.metadata.compute_tokens) == (2**32 - 1, 2**32 - 1)


async def test_unknown_fields_are_ignored(api: Api):
    """Fields from a later version of the schema change nothing."""
    await api.unary(f"/{RERANK}/Rerank")(REQUEST.SerializeToString() + b"\xfa\x3f\x03new")
    assert api.reranker.requests == [RerankRequest(None, "the query", TEXTS)]


@pytest.mark.parametrize("method", ["Rerank", "RerankStream"])
@pytest.mark.parametrize(("priority", "lane"), [(None, 0), ("", 0), ("0", 0), ("7", 7), ("999", 999), ("-0", 0)])
async def test_priority(method: str, priority: str | None, lane: int, api: Api):
    """The lane of a request is what its metadata say, the most urgent if they say nothing."""
    metadata = [] if priority is None else [("x-priority", priority)]
    parts = stream(*(pb.RerankStreamRequest(query="the query", text=text) for text in TEXTS))
    whole = REQUEST if method == "Rerank" else parts
    await getattr(api.tei, method)(whole, metadata=metadata)
    assert api.reranker.requests == [RerankRequest(None, "the query", TEXTS, lane=lane)]


@pytest.mark.parametrize("priority", ["urgent", "1.5", "1e2", "0x1", "--1", "-", "1 2", "1,2", "9" * 13])
async def test_no_priority(priority: str, api: Api):
    """A priority that is no whole number is refused."""
    error = await failed(api.tei.Rerank(REQUEST, metadata=[("x-priority", priority)]))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert details(error)[ErrorInfo].reason == "INVALID_REQUEST"
    assert "x-priority" in (error.details() or "")
    assert api.reranker.requests == []


@pytest.mark.parametrize(
    ("request_", "priority", "fields"),
    [
        (REQUEST, "-1", ["priority"]),
        (REQUEST, "1000", ["priority"]),
        (pb.RerankRequest(query=" ", texts=TEXTS), "0", ["query"]),
        (pb.RerankRequest(query="the query"), "0", ["texts"]),
        (pb.RerankRequest(), "1000", ["query", "texts", "priority"]),
    ],
)
async def test_out_of_range(request_: pb.RerankRequest, priority: str, fields: list[str], api: Api):
    """All that is out of range is refused in one answer, by the names the fields have here."""
    error = await failed(api.tei.Rerank(request_, metadata=[("x-priority", priority)]))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert details(error)[ErrorInfo].reason == "OUT_OF_RANGE"
    assert [violation.field for violation in details(error)[BadRequest].field_violations] == fields
    assert "documents" not in (error.details() or "")


async def test_too_large(api: Api):
    """A message that is too large is told which field to send less of, by the name it has here."""
    texts = ["t" * (MESSAGE_BYTES + 1)]
    async with grpc.aio.insecure_channel(api.address, options=[("grpc.max_send_message_length", -1)]) as channel:
        error = await failed(RerankStub(channel).Rerank(pb.RerankRequest(query="q", texts=texts)))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in details(error)[BadRequest].field_violations] == ["texts"]
    assert (error.details() or "").startswith("texts ")


@pytest.mark.parametrize(
    ("method", "bytes_"),
    [
        ("Rerank/Rerank", b"\xff\xff"),
        ("Rerank/Rerank", b"\x0a\x02\xff\xfe"),
        ("Rerank/RerankStream", b"\x0a\x05ab"),
        ("Info/Info", b"\xff\xff"),
    ],
)
async def test_malformed(method: str, bytes_: bytes, api: Api):
    """Bytes that are no message are the caller's mistake, not the server's."""
    error = await failed(api.channel.stream_unary(f"/tei.v1.{method}")(stream(bytes_)))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert details(error)[ErrorInfo].reason == "INVALID_REQUEST"


async def test_shed(api: Api):
    """A request that is shed is told when to ask again."""
    api.reranker.answer = Shed(2.5)
    error = await failed(api.tei.Rerank(REQUEST))
    assert error.code() is StatusCode.UNAVAILABLE
    assert details(error)[ErrorInfo].reason == "SHED"
    assert pushback(error) == "2500"


async def test_deadline(api: Api):
    """A call's deadline is its own, and the default where it brings none."""
    await api.tei.Rerank(REQUEST, timeout=3600)
    await api.tei.Rerank(REQUEST)
    own, default = api.reranker.remaining_s
    assert 3000 < own <= 3600
    assert 50 < default <= 60


async def test_counted(api: Api):
    """A call is counted with its lane, as every call over gRPC."""
    await api.tei.Rerank(REQUEST, metadata=[("x-priority", "500")])
    expected = b'rerank_requests_total{api="grpc",lanes="500-999",outcome="OK"} 1.0'
    assert expected in api.metrics.exposition()


async def test_largest_answer(api: Api):
    """The answer to the largest request that is taken can be sent too."""
    text = "t" * (MESSAGE_BYTES - 100)
    api.reranker.answer = scored(0.5, 0.25)
    request = pb.RerankRequest(query="q", texts=[text, "u" * 80], return_text=True)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(api.address, options=options) as channel:
        call: Any = channel.unary_unary(f"/{RERANK}/Rerank", response_deserializer=pb.RerankResponse.FromString)
        answer = await call(request.SerializeToString())
    assert answer.ByteSize() > MESSAGE_BYTES
    assert answer.ranks[0].text == text


async def test_info(api: Api):
    """Info says what is served, and leaves empty what there is no truth about."""
    assert await api.tei_info.Info(pb.InfoRequest()) == pb.InfoResponse(
        version=version("rerankd"),
        model_id="tiny",
        model_dtype="float32",
        model_type=pb.MODEL_TYPE_RERANKER,
        max_input_length=32,
        max_client_batch_size=5000,
        tokenization_workers=1,
    )


async def test_info_before_there_is_a_model():
    """Until there is a model, Info is not ready either."""
    async with Api(ready=False) as api:
        error = await failed(api.tei_info.Info(pb.InfoRequest()))
    assert error.code() is StatusCode.UNAVAILABLE
    assert details(error)[ErrorInfo].reason == "NOT_READY"

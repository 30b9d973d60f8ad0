"""Clients made from the .proto of text-embeddings-inference are answered, and refused, as they expect."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc import StatusCode
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tei.v1 import tei_pb2 as pb
from tei.v1.tei_pb2_grpc import InfoStub

from tests.contract.clients import TIMEOUT_S, GrpcClient, Metadata, changed, refused_call
from tests.examples import DOCUMENTS, QUERY, WASHINGTON

MUCH = [f"text {n}" for n in range(10_001)]
"""One text more than a request may have."""


GOOD = pb.RerankRequest(query=QUERY, texts=["a"])


def parts(texts: Sequence[str], **fields: Any) -> list[pb.RerankStreamRequest]:
    """Return a request as the messages of a stream; `fields` are those of the first."""
    first, *later = texts
    return [
        pb.RerankStreamRequest(query=QUERY, text=first, **fields),
        *(pb.RerankStreamRequest(query=QUERY, text=text) for text in later),
    ]


def test_texts_come_back(tei: Any) -> None:
    """Each rank has its text if texts are asked for, and none has one otherwise."""
    request = pb.RerankRequest(query=QUERY, texts=DOCUMENTS)
    assert not any(rank.HasField("text") for rank in tei.Rerank(request, timeout=TIMEOUT_S).ranks)
    request.return_text = True
    whole = tei.Rerank(request, timeout=TIMEOUT_S)
    streamed = tei.RerankStream(iter(parts(DOCUMENTS, return_text=True)), timeout=TIMEOUT_S)
    assert whole.ranks[0].index == WASHINGTON
    assert [rank.text for rank in whole.ranks] == [DOCUMENTS[rank.index] for rank in whole.ranks]
    assert list(streamed.ranks) == list(whole.ranks)


def test_metadata(tei: Any, rpc: GrpcClient) -> None:
    """The tokens told are those that our own form counts; parts of the time are within the whole."""
    found = tei.Rerank(pb.RerankRequest(query=QUERY, texts=DOCUMENTS), timeout=TIMEOUT_S).metadata
    assert found.compute_tokens == rpc.rerank(changed(documents=DOCUMENTS)).meta.tokens.input_tokens
    assert found.compute_chars == sum(len(QUERY) + len(text) for text in DOCUMENTS)
    assert found.tokenization_time_ns > 0
    assert found.tokenization_time_ns + found.queue_time_ns < found.total_time_ns
    assert found.inference_time_ns == 0


@pytest.mark.parametrize(
    ("request_", "metadata", "reason", "fields"),
    [
        pytest.param(pb.RerankRequest(query=QUERY), (), "OUT_OF_RANGE", ("texts",), id="no-texts"),
        pytest.param(pb.RerankRequest(texts=["a"]), (), "OUT_OF_RANGE", ("query",), id="no-query"),
        pytest.param(pb.RerankRequest(query=" \n", texts=["a"]), (), "OUT_OF_RANGE", ("query",), id="blank-query"),
        pytest.param(pb.RerankRequest(query=QUERY, texts=MUCH), (), "OUT_OF_RANGE", ("texts",), id="too-many-texts"),
        pytest.param(GOOD, (("x-priority", "1000"),), "OUT_OF_RANGE", ("priority",), id="priority-1000"),
        pytest.param(GOOD, (("x-priority", "-1"),), "OUT_OF_RANGE", ("priority",), id="priority-below-0"),
        pytest.param(GOOD, (("x-priority", "high"),), "INVALID_REQUEST", (), id="priority-in-words"),
    ],
)
def test_refusals(
    request_: pb.RerankRequest, metadata: Metadata, reason: str, fields: tuple[str, ...], tei: Any
) -> None:
    """A request out of range is refused with the names its fields have in this form."""
    refusal = refused_call(tei.Rerank, request_, metadata=metadata, timeout=TIMEOUT_S)
    assert (refusal.code, refusal.reason, refusal.fields) == (StatusCode.INVALID_ARGUMENT, reason, fields)


@pytest.mark.parametrize(
    ("messages", "reason", "fields"),
    [
        pytest.param([], "INVALID_REQUEST", (), id="nothing"),
        pytest.param([*parts(["a"]), pb.RerankStreamRequest(text="b")], "INVALID_REQUEST", (), id="another-query"),
        pytest.param([pb.RerankStreamRequest(text="a")], "OUT_OF_RANGE", ("query",), id="no-query"),
        pytest.param(parts(MUCH), "OUT_OF_RANGE", ("texts",), id="too-many-texts"),
    ],
)
def test_refused_streams(
    messages: list[pb.RerankStreamRequest], reason: str, fields: tuple[str, ...], tei: Any
) -> None:
    """A stream that makes no good request is refused like any other."""
    refusal = refused_call(tei.RerankStream, iter(messages), timeout=TIMEOUT_S)
    assert (refusal.code, refusal.reason, refusal.fields) == (StatusCode.INVALID_ARGUMENT, reason, fields)


def test_malformed(rpc: GrpcClient) -> None:
    """Bytes that are no message are refused in words, and fields from a later version are ignored."""
    refusal = refused_call(rpc.call, "/tei.v1.Rerank/Rerank", [b"\x0a\x02\xff\xfe"])
    assert (refusal.code, refusal.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    good = pb.RerankRequest(query=QUERY, texts=DOCUMENTS).SerializeToString()
    plain, later = (rpc.call("/tei.v1.Rerank/Rerank", [raw]) for raw in (good, good + b"\xfa\x3f\x03new"))
    assert list(pb.RerankResponse.FromString(plain).ranks) == list(pb.RerankResponse.FromString(later).ranks)


def test_priority_and_names_are_taken(tei: Any) -> None:
    """The metadata that a caller sends with our own form are taken with this one too."""
    request = pb.RerankRequest(query=QUERY, texts=DOCUMENTS)
    metadata = (("x-priority", "999"), ("x-client-name", "mover"), ("authorization", "Bearer nobody-asked"))
    assert tei.Rerank(request, metadata=metadata, timeout=TIMEOUT_S).ranks[0].index == WASHINGTON


def test_info(rpc: GrpcClient) -> None:
    """Info names the embedded model and the limits that hold for it."""
    assert InfoStub(rpc.channel).Info(pb.InfoRequest(), timeout=TIMEOUT_S) == pb.InfoResponse(
        version=version("rerankd"),
        model_id="minilm-rerank",
        model_dtype="float32",
        model_type=pb.MODEL_TYPE_RERANKER,
        max_input_length=512,
        max_client_batch_size=10_000,
        tokenization_workers=2,
    )


def test_what_is_not_served(rpc: GrpcClient) -> None:
    """A call that a reranker cannot answer is unimplemented."""
    for method in ("Embed/Embed", "Predict/Predict", "Tokenize/Tokenize"):
        with pytest.raises(grpc.RpcError) as caught:
            rpc.call(f"/tei.v1.{method}", [b""])
        assert caught.value.code() is StatusCode.UNIMPLEMENTED


def test_reflection(rpc: GrpcClient) -> None:
    """A client without the .proto file learns both services from the server."""
    database = ProtoReflectionDescriptorDatabase(rpc.channel)
    assert {"tei.v1.Info", "tei.v1.Rerank"} <= set(database.get_services())
    service = DescriptorPool(database).FindServiceByName("tei.v1.Rerank")
    assert {method.name for method in service.methods} == {"Rerank", "RerankStream"}

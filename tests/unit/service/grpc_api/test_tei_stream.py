"""A stream of tei.v1 is one request, with one query, within the limits of a message."""

from math import log
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc import StatusCode
from tei.v1 import tei_pb2 as pb

from service.errors import InvalidRequestError, OutOfRangeError, TooLargeError
from service.grpc_api.tei import collect
from service.rerank.limits import Limits
from service.rerank.request import RerankRequest
from tests.unit.service.grpc_api.grpc_client import Api, codec_of, details, failed, stream
from tests.unit.service.rerankers import LIMITS


def part(text: str, query: str = "the query", **fields: Any) -> pb.RerankStreamRequest:
    """Return a message of a stream."""
    return pb.RerankStreamRequest(query=query, text=text, **fields)


def raw(*parts: pb.RerankStreamRequest) -> Any:
    """Return a stream as it comes over the wire."""
    return stream(*(part.SerializeToString() for part in parts))


async def test_stream(api: Api):
    """The texts of a stream are numbered in the order they are sent; the first message says how to answer."""
    parts = stream(part("one", return_text=True, raw_scores=True), part("two"))
    answer = await api.tei.RerankStream(parts)
    assert [(rank.index, rank.text) for rank in answer.ranks] == [(1, "two"), (0, "one")]
    assert [rank.score for rank in answer.ranks] == pytest.approx([log(3), -log(3)], rel=1e-7)
    assert answer.metadata.compute_tokens == 42
    assert api.reranker.requests == [RerankRequest(None, "the query", ["one", "two"])]


async def test_stream_error(api: Api):
    """A stream that fails ends in a rich status like any call."""
    error = await failed(api.tei.RerankStream(stream()))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert details(error)[ErrorInfo].reason == "INVALID_REQUEST"


async def test_collect():
    """Only the first message of a stream says how to answer."""
    request = await collect(
        raw(part("one"), part("", raw_scores=True, return_text=True), part("three")), codec_of(LIMITS), 0
    )
    assert request == (pb.RerankRequest(query="the query"), ["one", "", "three"])


@pytest.mark.parametrize("query", ["another", "", "the query "])
async def test_collect_another_query(query: str):
    """Texts for another query are not scored for the first one."""
    with pytest.raises(InvalidRequestError, match="query"):
        await collect(raw(part("one"), part("two"), part("three", query=query)), codec_of(LIMITS), 0)


async def test_collect_too_many():
    """A stream is given up with the message that brings one text too many, not at its end."""
    parts = raw(part("a"), part("b"), part("c"), part("d", query="never looked at"))
    limits = Limits(documents_max=2, pairs_max=10_000, message_bytes=2**20, stream_bytes=2**22)
    with pytest.raises(OutOfRangeError):
        await collect(parts, codec_of(limits), 0)


@pytest.mark.parametrize("return_text", [False, True])
async def test_collect_too_large_to_go_back(return_text: bool):  # noqa: FBT001
    """Texts that are to come back may not be larger in all than one message may be."""
    parts = [part("one", return_text=return_text), part("two")]
    size = sum(len(part.SerializeToString()) for part in parts)
    limits = Limits(documents_max=2, pairs_max=2, message_bytes=size - 1, stream_bytes=size)
    if return_text:
        with pytest.raises(TooLargeError):
            await collect(raw(*parts), codec_of(limits), 0)
    else:
        assert len((await collect(raw(*parts), codec_of(limits), 0)).documents) == 2

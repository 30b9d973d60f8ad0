"""Oversized messages and streams are refused as soon as their size is known."""

import pytest
from rerank.v2 import rerank_pb2 as pb

from service.errors import TooLargeError
from service.grpc_api import codec
from service.grpc_api.codec import Parts, parse
from service.rerank.limits import MESSAGE_BYTES_MAX
from tests.unit.service.grpc_api.grpc_client import REQUEST, stream


def test_too_large():
    """A message a little too large for the server is refused in words."""
    with pytest.raises(TooLargeError):
        parse(pb.RerankRequest, b" " * (MESSAGE_BYTES_MAX + 1))


async def test_parts():
    """A stream is parsed message by message, and its bytes are counted."""
    raw = REQUEST.SerializeToString()
    parts = Parts(pb.RerankRequest, stream(raw, b""))
    assert [part async for part in parts] == [REQUEST, pb.RerankRequest()]
    assert parts.size == len(raw)


async def test_a_stream_too_large(monkeypatch: pytest.MonkeyPatch):
    """A stream is given up with the message that makes it too large in all, before that is parsed."""
    raw = REQUEST.SerializeToString()
    monkeypatch.setattr(codec, "_STREAM_BYTES_MAX", 2 * len(raw))
    parts = Parts(pb.RerankRequest, stream(raw, raw, b"\xff"))
    assert [await anext(parts) for _ in range(2)] == [REQUEST, REQUEST]
    with pytest.raises(TooLargeError):
        await anext(parts)

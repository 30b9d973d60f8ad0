"""Bytes become the message that protobuf would make of them, or are refused before objects are made."""

from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st
from rerank.v2 import rerank_pb2 as pb
from tei.v1 import tei_pb2 as tei

from service.errors import InvalidRequestError, OutOfRangeError
from service.rerank.limits import TEXT_BYTES_MAX, Limits
from tests.unit.service.grpc_api.grpc_client import codec_of

CODEC = codec_of(Limits(documents_max=100, pairs_max=10, message_bytes=2**20, stream_bytes=2**22))
LARGE = b"\x7a" + b"\x80\x80\x04" + b"x" * 2**16
"""An unknown field that alone makes a message large."""
TYPES: list[type[Message]] = [pb.RerankRequest, pb.RerankStreamRequest, tei.RerankRequest, tei.RerankStreamRequest]


def field(number: int, value: bytes) -> bytes:
    """Return a field with a length, below 128."""
    return bytes([number << 3 | 2, len(value)]) + value


FIELD = st.recursive(
    st.sampled_from(
        [b"\x1a\x00", b"\x12\x03abc", b"\x0a\x01m", b"\x20\x05", b"\x18\x01", b"\x25\x00\x00\x80\x3f", b"\x7b", b"\x7c"]
    )
    | st.builds(field, st.integers(1, 6), st.text(max_size=3).map(str.encode))
    | st.binary(max_size=4),
    lambda inner: (
        st.builds(field, st.integers(1, 6), st.lists(inner, max_size=4).map(b"".join))
        | st.lists(inner, max_size=3).map(lambda parts: b"\x7b" + b"".join(parts) + b"\x7c")
    ),
    max_leaves=8,
)


def texts(message: Any) -> list[str]:
    """Return the strings of all repeated fields of a message, which lose them."""
    found = []
    for name, value in message.ListFields():
        if name.is_repeated:
            found += value
            message.ClearField(name.name)
        elif name.message_type:
            found += texts(value)
    return found


@given(st.lists(FIELD, max_size=6).map(b"".join), st.sampled_from(TYPES))
async def test_as_protobuf_does(raw: bytes, message_type: type[Message]):
    """Bytes that protobuf parses become the same message, small or large; other bytes are invalid or ignored."""
    try:
        expected = message_type.FromString(raw)
    except DecodeError:
        return
    documents = texts(expected)
    expected.DiscardUnknownFields()
    for sent in (raw, raw + LARGE):
        message, found = await CODEC.parse(message_type, sent, 0)
        message.DiscardUnknownFields()
        assert (message, found) == (expected, documents)


@pytest.mark.parametrize("more", [b"", LARGE])
@pytest.mark.parametrize(
    "raw",
    [
        b"\xff",
        b"\x12\x01\xff",
        b"\x1a\x01\xff",
        b"\x1a\x05a",
        b"\x7b",
        b"\x7c",
        b"\x02\x00",
        b"\x1a" + b"\xff" * 10,
        b"\x0f",
    ],
)
async def test_not_a_message(raw: bytes, more: bytes):
    """Bytes that are no message, or hold text that is not UTF-8, are invalid."""
    with pytest.raises(InvalidRequestError):
        await CODEC.parse(pb.RerankRequest, more + raw, 0)


@pytest.mark.parametrize(
    "unit",
    [b"\x1a\x00", b"\x12\x01q", b"\x20\x05", b"\x7b\x7c", b"\x7a\x00"],
    ids=["documents", "queries", "numbers", "groups", "unknown"],
)
@pytest.mark.parametrize("wrap", [lambda raw: raw, lambda raw: b"\x7b" + raw + b"\x7c"], ids=["plain", "group"])
async def test_too_many_fields(unit: bytes, wrap: Any):
    """A message with a million fields of any kind is refused."""
    with pytest.raises(OutOfRangeError, match=r"^documents .*100 items"):
        await CODEC.parse(pb.RerankRequest, wrap(unit * 10**6), 0)


async def test_as_many_as_allowed():
    """As many documents as the server takes are taken; one more is refused with both numbers."""
    raw = b"\x1a\x01d" * 100
    assert (await CODEC.parse(pb.RerankRequest, raw, 0)).documents == ["d"] * 100
    with pytest.raises(OutOfRangeError, match=r"^documents .*100 .*101"):
        await CODEC.parse(pb.RerankRequest, raw + b"\x1a\x00", 0)


@pytest.mark.parametrize("name", ["documents", "query"])
async def test_a_text_too_long(name: str):
    """A text is refused by its size in bytes."""
    text = "x" * TEXT_BYTES_MAX

    def raw(text: str) -> bytes:
        value: Any = {name: [text] if name == "documents" else text}
        return pb.RerankRequest(**value).SerializeToString()

    parsed = await CODEC.parse(pb.RerankRequest, raw(text), 0)
    assert text in (parsed.message.query, *parsed.documents)
    with pytest.raises(OutOfRangeError, match=f"^{name} .*8 MiB"):
        await CODEC.parse(pb.RerankRequest, raw(text + "x"), 0)

"""Malformed messages and streams over gRPC are refused with a reason, and odd ones are answered."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from rerank.v2 import rerank_pb2 as pb

from tests.contract.clients import GOOD, MESSAGE_BYTES, SECRET, SERVICE, GrpcClient, Metadata, message, refused_call

pytestmark = pytest.mark.usefixtures("unharmed")

RERANK, STREAM, MODELS = (f"/{SERVICE}/{method}" for method in ("Rerank", "RerankStream", "ListModels"))
INVALID = "INVALID_REQUEST"
OUT_OF_RANGE = "OUT_OF_RANGE"
Part = bytes | Callable[[], bytes]
"""A message, made when it is sent if it is large."""


def padded(size: int) -> bytes:
    """Return a good message of this size, most of it a field nobody knows."""
    known = message(GOOD)
    tag, rest = b"\x9a\x06", size - len(known) - 6
    length = bytes((rest >> shift) & 0x7F | 0x80 for shift in (0, 7, 14)) + bytes([rest >> 21])
    return known + tag + length + bytes(rest)


def part(**kind: Any) -> bytes:
    """Return an encoded message of a stream."""
    return pb.RerankStreamRequest(**kind).SerializeToString()


def documents(*texts: str) -> bytes:
    """Return an encoded message of a stream that carries documents."""
    return part(documents=pb.Documents(texts=texts))


def sent(rpc: GrpcClient, method: str, parts: tuple[Part, ...], **options: Any) -> bytes:
    """Return the encoded answer to some messages."""
    return rpc.call(method, (part() if callable(part) else part for part in parts), **options)


REQUEST = part(request=pb.RerankRequest(**GOOD))
FINE: dict[str, tuple[str, tuple[Part, ...], Metadata]] = {
    "other-type": (RERANK, (message(GOOD) + b"\x22\x03abc",), ()),
    "unknown-field": (RERANK, (message(GOOD) + b"\x9a\x06\x05" + SECRET.encode(),), ()),
    "largest": (RERANK, (lambda: padded(MESSAGE_BYTES),), ()),
    "stream": (STREAM, (REQUEST, documents(SECRET), documents()), ()),
    "key-nobody-asked-for": (RERANK, (message(GOOD),), (("authorization", "Bearer wrong"),)),
    "client-name-7-kb": (RERANK, (message(GOOD),), (("x-client-name", "n" * 7000),)),
    "client-name-of-an-attacker": (
        RERANK,
        (message(GOOD),),
        (("x-client-name", '","outcome":"OK"}%0a<script>'),),
    ),
}
REFUSED: dict[str, tuple[str, tuple[Part, ...], str, tuple[str, ...]]] = {
    "garbage": (RERANK, (b"\xff\xff\xff\xff",), INVALID, ()),
    "truncated": (RERANK, (message(GOOD)[:-3],), INVALID, ()),
    "empty": (RERANK, (b"",), OUT_OF_RANGE, ("query", "documents")),
    "not-utf-8": (RERANK, (message(GOOD).replace(b"What", b"\xff\xfe\xfd\xfc"),), INVALID, ()),
    "surrogate": (RERANK, (message(GOOD).replace(b"Wha", b"\xed\xa0\x80"),), INVALID, ()),
    "deep-groups": (RERANK, (message(GOOD) + b"\xa3\x06" * 10_000,), INVALID, ()),
    "too-large": (RERANK, (lambda: padded(MESSAGE_BYTES + 1),), OUT_OF_RANGE, ("documents",)),
    "no-message": (RERANK, (), INVALID, ()),
    "list-models-garbage": (MODELS, (b"\xff",), INVALID, ()),
    "stream-documents-first": (STREAM, (documents(SECRET), REQUEST), INVALID, ()),
    "stream-two-requests": (STREAM, (REQUEST, REQUEST), INVALID, ()),
    "stream-empty": (STREAM, (), INVALID, ()),
    "stream-empty-part-first": (STREAM, (b"", REQUEST), INVALID, ()),
    "stream-empty-part-later": (STREAM, (REQUEST, b""), INVALID, ()),
    "stream-garbage-later": (STREAM, (REQUEST, b"\xff"), INVALID, ()),
    "stream-part-not-utf-8": (STREAM, (REQUEST, documents("!!").replace(b"!!", b"\xc3(")), INVALID, ()),
    "stream-part-too-large": (STREAM, (REQUEST, lambda: padded(MESSAGE_BYTES + 1)), OUT_OF_RANGE, ("documents",)),
    "stream-too-large": (
        STREAM,
        (REQUEST, *[lambda: documents(*["x" * (2**22 - 99)] * 8)] * 5),
        OUT_OF_RANGE,
        ("documents",),
    ),
    "stream-too-many-documents": (
        STREAM,
        (REQUEST, documents(*[SECRET] * 5000), documents(*[SECRET] * 4999)),
        OUT_OF_RANGE,
        ("documents",),
    ),
}
NOT_TAKEN: dict[str, tuple[str, tuple[Part, ...], dict[str, Any], StatusCode]] = {
    "unknown-rpc": (f"/{SERVICE}/Nonsense", (message(GOOD),), {}, StatusCode.UNIMPLEMENTED),
    "unknown-service": ("/rerank.v1.RerankService/Rerank", (message(GOOD),), {}, StatusCode.UNIMPLEMENTED),
    "far-too-large": (RERANK, (lambda: padded(MESSAGE_BYTES + 2**23),), {}, StatusCode.RESOURCE_EXHAUSTED),
    "metadata-20-kb": (
        RERANK,
        (message(GOOD),),
        {"metadata": (("x-client-name", "n" * 20_000),)},
        StatusCode.RESOURCE_EXHAUSTED,
    ),
}


@pytest.mark.parametrize(("method", "parts", "metadata"), FINE.values(), ids=FINE)
def test_odd_but_fine(method: str, parts: tuple[Part, ...], metadata: Metadata, rpc: GrpcClient) -> None:
    """An odd message within the contract is answered."""
    assert sent(rpc, method, parts, metadata=metadata)


@pytest.mark.parametrize(("method", "parts", "reason", "fields"), REFUSED.values(), ids=REFUSED)
def test_refused(method: str, parts: tuple[Part, ...], reason: str, fields: tuple[str, ...], rpc: GrpcClient) -> None:
    """A bad request is refused with a reason, and with the fields that are out of range."""
    refusal = refused_call(sent, rpc, method, parts)
    assert (refusal.code, refusal.reason, refusal.fields) == (StatusCode.INVALID_ARGUMENT, reason, fields)
    assert SECRET not in refusal.message


@pytest.mark.parametrize(("method", "parts", "options", "code"), NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_not_taken(
    method: str, parts: tuple[Part, ...], options: dict[str, Any], code: StatusCode, rpc: GrpcClient
) -> None:
    """A call that the gRPC library refuses before the service sees it gets a code of the library's."""
    with pytest.raises(grpc.RpcError) as caught:
        sent(rpc, method, parts, **options)
    assert caught.value.code() is code


def test_a_client_name_of_10_kb(rpc: GrpcClient) -> None:
    """The limit of metadata is not random: a call that passes once passes every time."""
    for _ in range(40):
        rpc.rerank(metadata=(("x-client-name", "n" * 10_000),))

"""The messages of failed calls and the warnings in answers, as the code of both APIs makes them."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from rerank.v2 import rerank_pb2 as pb
from tei.v1 import tei_pb2

import scheduler
from service.access.access import Access
from service.access.api_keys import ApiKeys
from service.access.caller import Caller
from service.access.denylist import DenyList
from service.access.rate_limit import RateLimit
from service.engine.engine import Engine
from service.errors import NotReadyError, Outcome, TooManyBytesError, TooSlowError
from service.grpc_api import rerank, tei
from service.rerank.limits import TEXT_BYTES_MAX, Limits
from service.rerank.request import RerankRequest
from service.rest.document_text import text_of
from tests.unit.service.graphs import a_graph
from tests.unit.service.grpc_api.grpc_client import codec_of, stream
from tests.unit.service.models import an_engine, tiny_table
from tests.unit.service.rerankers import RealReranker
from tests.unit.service.rest.rest_client import BODY, PATH, Api

LIMITS = Limits(documents_max=3, pairs_max=5, message_bytes=2**24, stream_bytes=2**26)
_PART = pb.RerankStreamRequest()
_TEXT = tei_pb2.RerankStreamRequest(query="q", text="one")
_OTHER_TEXT = tei_pb2.RerankStreamRequest(query="another", text="one")

BODIES: dict[str, tuple[str, Any, dict[str, str]]] = {
    "no Content-Type of JSON": (PATH, b"", {"content_type": "text/plain"}),
    "Content-Encoding": (PATH, b"", {"content_encoding": "gzip"}),
    "timeout not a number": (PATH, BODY, {"x_request_timeout_ms": "soon"}),
    "timeout out of range": (PATH, BODY, {"x_request_timeout_ms": "0"}),
    "priority not a number": (PATH, BODY, {"x_priority": "soon"}),
    "body too large": (PATH, b"", {"content_length": str(LIMITS.message_bytes + 1)}),
    "body not JSON": (PATH, b"{", {}),
    "field missing": (PATH, {"model": "tiny", "documents": ["one"]}, {}),
    "field of another type": (PATH, BODY | {"top_n": "3"}, {}),
    "too many documents": (PATH, BODY | {"documents": ["one"] * 4}, {}),
    "too many texts": ("/rerank", {"query": "q", "texts": ["one"] * 4}, {}),
    "too many values": (PATH, b"[" + b"0," * 300_001 + b"0]", {}),
    "every number out of range": (PATH, BODY | {"top_n": 0, "max_tokens_per_doc": 0, "priority": 1000}, {}),
    "no windows": ("/v1/rerank", BODY | {"max_chunks_per_doc": 0}, {}),
    "rank_fields": ("/v1/rerank", BODY | {"rank_fields": ["a"] * 1001}, {}),
    "text too long": (PATH, b'["' + b"x" * (TEXT_BYTES_MAX + 1) + b'"]', {}),
    "too much beside texts": (PATH, b"[" + b" " * 2**22 + b"]", {}),
    "nothing to rank": ("/rerank", {"query": " ", "texts": []}, {}),
}
OBJECTS: dict[str, tuple[dict[str, Any], list[str] | None]] = {
    "image": ({"image": "a.png"}, None),
    "no value": ({"title": None}, None),
    "no rank_fields": ({"title": "one"}, ["text"]),
    "too deep": ({"a": json.loads("[" * 20 + "]" * 20)}, None),
    "too many values": ({"a": [0] * 100_000}, None),
    "too many characters": ({"a": "x" * (2**19 + 1)}, None),
    "too many rare characters": ({"a": "".join(map(chr, range(0x1F000, 0x1F000 + 7000)))}, None),
}
ENDINGS: dict[str, BaseException] = {
    "shed": scheduler.Shed(),
    "displaced": scheduler.Displaced(),
    "draining": scheduler.Draining(),
    "expired": scheduler.Expired(),
    "not ready": NotReadyError(),
    "internal": ZeroDivisionError(),
    "too many bytes": TooManyBytesError(),
    "too slow": TooSlowError(30),
}


async def call_messages(engine: Engine, folder: Path) -> dict[str, str]:
    """Return the messages by name; `engine` is that of the tiny model, `folder` an empty directory."""
    messages = {name: Outcome.of(error).message for name, error in ENDINGS.items()}
    api = Api(limits=LIMITS)
    async with api.client:
        for name, (path, body, headers) in BODIES.items():
            messages[f"REST {name}"] = (await api.post(body, path, **headers)).json()["message"]
    for name, (document, fields) in OBJECTS.items():
        messages[f"REST object {name}"] = await _message(text_of, document, 7, fields)
    messages |= await _grpc_messages()
    messages |= await _access_messages(folder)
    return messages | await _reranker_messages(engine, folder) | await _warnings(folder)


async def _grpc_messages() -> dict[str, str]:
    request = pb.RerankStreamRequest(request=pb.RerankRequest(model="tiny", query="q", documents=["one"] * 4))
    codec = codec_of(LIMITS)
    many, long = b"\x1a\x00" * 2000, pb.RerankRequest(query="q" * (TEXT_BYTES_MAX + 1)).SerializeToString()
    return {
        "gRPC not a message": await _message(codec.parse, pb.RerankRequest, b"\xff", 0),
        "gRPC too many fields": await _message(codec.parse, pb.RerankRequest, many, 0),
        "gRPC text too long": await _message(codec.parse, pb.RerankRequest, long, 0),
        "message too large": await _message(LIMITS.check_message, LIMITS.message_bytes + 1),
        "stream too large": await _message(LIMITS.check_stream, 4 * LIMITS.message_bytes + 1),
        "gRPC stream without a message": await _message(rerank.collect, _encoded(), codec, 0),
        "gRPC stream out of order": await _message(rerank.collect, _encoded(_PART), codec, 0),
        "gRPC too many documents": await _message(rerank.collect, _encoded(request), codec, 0),
        "gRPC TEI stream without a message": await _message(tei.collect, _encoded(), codec, 0),
        "gRPC TEI stream of two queries": await _message(tei.collect, _encoded(_TEXT, _OTHER_TEXT), codec, 0),
    }


async def _access_messages(folder: Path) -> dict[str, str]:
    (folder / "keys").write_text("ann:s3cret rate=1\n")
    access = Access(ApiKeys(folder / "keys"), RateLimit(None))
    await access.enter("Bearer s3cret", None, "192.0.2.1")
    return {
        "no key": await _message(access.enter, None, None, "192.0.2.1"),
        "unknown key": await _message(access.enter, "Bearer other", None, "192.0.2.1"),
        "rate": await _message(access.enter, "Bearer s3cret", None, "192.0.2.1"),
    }


async def _reranker_messages(engine: Engine, folder: Path) -> dict[str, str]:
    (folder / "denied").write_text("apple\n")
    wired = RealReranker(engine, limits=LIMITS, denylist=DenyList(folder / "denied"))
    request = RerankRequest("tiny", "q", ["good"])
    messages = {
        "unknown model": await _message(wired.rerank, "good", model="none"),
        "too many pairs": await _message(wired.rerank, "good " * 1000),
        "deny-list": await _message(wired.rerank, "an apple"),
        "priority of the key": await _message(wired.ask, request, Caller("ann", lane=100)),
        "models of the key": await _message(wired.ask, request, Caller("ann", models=frozenset({"a", "b"}))),
    }
    wired.executor.close()
    return messages


async def _warnings(folder: Path) -> dict[str, str]:
    """Return the warnings of a request with many documents, one of which has no score, and of one with long texts."""
    wired = RealReranker(an_engine(folder / "tiny", graph=a_graph(tiny_table(bad=float("nan")), at=[3])))
    result = await wired.ask(RerankRequest("tiny", "q", ["bad", *["good"] * 1000]))
    long = await wired.ask(RerankRequest("tiny", "q " * 17, ["good good", "good good"], max_tokens_per_doc=1))
    wired.executor.close()
    return {f"warning {number}": text for number, text in enumerate([*result.warnings, *long.warnings], start=1)}


async def _encoded(*parts: Message) -> Any:
    async for part in stream(*parts):
        yield part.SerializeToString()


async def _message(call: Callable[..., Any], *args: Any, **options: Any) -> str:
    """Return the message of the error that a function, blocking or not, raises."""
    try:
        result = call(*args, **options)
        if isinstance(result, Awaitable):
            await result
    except Exception as error:  # noqa: BLE001  # Each type has a row in the table.
        return Outcome.of(error).message
    raise AssertionError(f"{call} raised nothing")

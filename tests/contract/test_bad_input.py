"""One table of what clients get wrong, sent over both APIs to the real process."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import grpc
import httpx
import pytest
from grpc import StatusCode
from rerank.v2 import rerank_pb2 as pb

from tests.contract.clients import (
    GOOD,
    MESSAGE_BYTES,
    PATH,
    SERVICE,
    GrpcClient,
    Metadata,
    and_leave,
    changed,
    encoded,
    grpc_refusal,
    http_refusal,
    message,
    on_the_wire,
)
from tests.process import RunningService

SECRET = "xyzzy"  # noqa: S105  # A secret, but no password.
"""In the texts of the cases; it has no business in the log or in a refusal."""


class Outcome(NamedTuple):
    """What the contract promises for a case."""

    http: tuple[int, ...]
    grpc: tuple[StatusCode, ...]
    reasons: tuple[str, ...] = ()
    ours: bool = True
    """False: the transport refuses it before the service sees it, in words of its own."""


FINE = Outcome((200,), (StatusCode.OK,))
INVALID = Outcome((400,), (StatusCode.INVALID_ARGUMENT,), ("INVALID_REQUEST",))
OUT_OF_RANGE = Outcome((422,), (StatusCode.INVALID_ARGUMENT,), ("OUT_OF_RANGE",))
TOO_LARGE = Outcome((413,), (StatusCode.INVALID_ARGUMENT,), ("OUT_OF_RANGE",))
MEDIA_TYPE = Outcome((415,), ())
UNKNOWN_MODEL = Outcome((404,), (StatusCode.NOT_FOUND,), ("UNKNOWN_MODEL",))
UNKNOWN_PATH = Outcome((404,), ())
WRONG_METHOD = Outcome((405,), ())
TOO_LATE = Outcome((503, 504), (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED), ("SHED", "DEADLINE_EXCEEDED"))
NOT_HTTP = Outcome((400,), (), ours=False)
NO_SUCH_RPC = Outcome((), (StatusCode.UNIMPLEMENTED,), ours=False)
NOT_TAKEN = Outcome((), (StatusCode.RESOURCE_EXHAUSTED,), ours=False)
OUT_OF_TIME = Outcome((), (StatusCode.DEADLINE_EXCEEDED,), ours=False)


@dataclass(frozen=True, slots=True)
class Http:
    """A request over REST, its body made when it is sent."""

    body: Callable[[], bytes | Iterable[bytes]]
    method: str = "POST"
    path: str = PATH
    headers: Mapping[str, str | bytes] | None = None

    def send(self, client: httpx.Client, _: RunningService) -> httpx.Response:
        """Return the answer."""
        return client.request(self.method, self.path, content=self.body(), headers=self.headers)


@dataclass(frozen=True, slots=True)
class Wire:
    """Bytes for the HTTP port."""

    data: bytes
    then: bytes = b""

    def send(self, _: httpx.Client, running: RunningService) -> httpx.Response:
        """Return the answer."""
        return on_the_wire(running.http.removeprefix("http://"), self.data, self.then)


@dataclass(frozen=True, slots=True)
class Rpc:
    """A call over gRPC, its messages made when it is sent."""

    parts: Callable[[], Iterable[bytes]]
    method: str = f"/{SERVICE}/Rerank"
    timeout: float = 60
    metadata: Metadata = ()

    def send(self, client: GrpcClient) -> bytes:
        """Return the answer. Raises grpc.RpcError."""
        return client.call(self.method, self.parts(), timeout=self.timeout, metadata=self.metadata)


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent, and what must come back."""

    id: str
    outcome: Outcome
    http: Http | Wire | None = None
    grpc: Rpc | None = None
    fields: tuple[str, ...] = ()
    """Fields that the refusal names."""


def both(name: str, outcome: Outcome, *fields: str, **changes: object) -> Case:
    """Return a case that is a good request but for these fields, over both APIs."""
    body = changed(**changes)
    return Case(name, outcome, Http(lambda: encoded(body)), Rpc(lambda: [message(body)]), fields)


def rest_only(name: str, outcome: Outcome, *fields: str, **changes: object) -> Case:
    """Return a case that gRPC's types rule out."""
    return Case(name, outcome, Http(lambda: encoded(changed(**changes))), fields=fields)


def body(name: str, outcome: Outcome, raw: bytes | Callable[[], bytes | Iterable[bytes]]) -> Case:
    """Return a case whose body is these bytes."""
    return Case(name, outcome, Http(raw if callable(raw) else lambda: raw))


def edge(name: str, outcome: Outcome, *fields: str, **http: Any) -> Case:
    """Return a case with a good body and something else wrong."""
    return Case(name, outcome, Http(lambda: encoded(changed()), **http), fields=fields)


def wire(name: str, outcome: Outcome, head: bytes, data: bytes = b"", then: bytes = b"") -> Case:
    """Return a case of bytes that no HTTP library sends: a head without its last blank line, and a body."""
    return Case(name, outcome, Wire(head + b"\r\n\r\n" + data, then))


def rpc_only(name: str, outcome: Outcome, *parts: bytes | Callable[[], bytes], **rpc: Any) -> Case:
    """Return a case that REST has no words for: messages as they are, the large ones made when they are sent."""
    return Case(name, outcome, grpc=Rpc(lambda: (part() if callable(part) else part for part in parts), **rpc))


def with_member(member: str) -> bytes:
    """Return a good body and one more member, written out."""
    return encoded(GOOD)[:-1] + f",{member}}}".encode()


def padded(size: int) -> bytes:
    """Return a good message of this size, most of it a field nobody knows."""
    known = message(GOOD)
    tag, rest = b"\x9a\x06", size - len(known) - 6
    length = bytes((rest >> shift) & 0x7F | 0x80 for shift in (0, 7, 14)) + bytes([rest >> 21])
    return known + tag + length + bytes(rest)


def blanks(pieces: int) -> Iterator[bytes]:
    """Yield a body of unknown length, a mebibyte at a time."""
    for _ in range(pieces):
        yield b" " * 2**20


def part(**kind: Any) -> bytes:
    """Return an encoded message of a stream."""
    return pb.RerankStreamRequest(**kind).SerializeToString()


def documents(*texts: str) -> bytes:
    """Return an encoded message of a stream that carries documents."""
    return part(documents=pb.Documents(texts=texts))


REQUEST = part(request=pb.RerankRequest(**GOOD))
STREAM = f"/{SERVICE}/RerankStream"
GOOD_BODY = encoded(GOOD)
HEAD = b"POST /v2/rerank HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close"
LENGTH = b"\r\nContent-Length: %d" % len(GOOD_BODY)
DEEP = 100_000
BRACKETS = "[" * DEEP + "]" * DEEP
LATE = changed(query=f"too late {SECRET}", documents=[f"{SECRET} {n}" for n in range(50)])
OPTIONAL = ("top_n", "max_tokens_per_doc", "priority")

CASES = [
    # The query.
    both("query-blank", OUT_OF_RANGE, "query", query=""),
    both("query-white-space", OUT_OF_RANGE, "query", query=" \t\r\n"),
    both("query-unicode-white-space", OUT_OF_RANGE, "query", query="\u00a0\u2003\u3000"),
    both("query-nul", FINE, query=f"{SECRET}\0{SECRET}"),
    both("query-1-mb", FINE, query=f"{SECRET} " * 170_000),
    # The documents.
    both("documents-none", OUT_OF_RANGE, "documents", documents=[]),
    both("documents-too-many", OUT_OF_RANGE, "documents", documents=[SECRET] * 10_001),
    both("document-empty", FINE, documents=[""]),
    both("document-blank", FINE, documents=[" \n\t", SECRET]),
    both("document-nul", FINE, documents=["\0", f"\0{SECRET}\0"]),
    both("document-1-mb", FINE, documents=[f"{SECRET} " * 150_000]),
    both("document-1-mb-one-word", FINE, documents=[SECRET * 200_000]),
    both("document-noncharacters", FINE, documents=["\ufffe\uffff\U0010ffff\u202e\u200d\ufeff"]),
    # Numbers.
    both("top-n-0", OUT_OF_RANGE, "top_n", top_n=0),
    both("top-n-negative", OUT_OF_RANGE, "top_n", top_n=-1),
    both("top-n-int32-max", FINE, top_n=2**31 - 1),
    both("top-n-int32-min", OUT_OF_RANGE, "top_n", top_n=-(2**31)),
    rest_only("top-n-huge", FINE, top_n=10**30),
    rest_only("top-n-huge-negative", OUT_OF_RANGE, "top_n", top_n=-(10**30)),
    both("max-tokens-0", OUT_OF_RANGE, "max_tokens_per_doc", max_tokens_per_doc=0),
    both("max-tokens-negative", OUT_OF_RANGE, "max_tokens_per_doc", max_tokens_per_doc=-5),
    both("max-tokens-int32-max", FINE, max_tokens_per_doc=2**31 - 1),
    rest_only("max-tokens-huge", FINE, max_tokens_per_doc=10**30),
    both("priority-negative", OUT_OF_RANGE, "priority", priority=-1),
    both("priority-999", FINE, priority=999),
    both("priority-1000", OUT_OF_RANGE, "priority", priority=1000),
    both("priority-int32-max", OUT_OF_RANGE, "priority", priority=2**31 - 1),
    both("priority-int32-min", OUT_OF_RANGE, "priority", priority=-(2**31)),
    rest_only("priority-huge", OUT_OF_RANGE, "priority", priority=10**30),
    both("everything-out-of-range", OUT_OF_RANGE, "query", "documents", "top_n", "max_tokens_per_doc", "priority",
         query=" ", documents=[], top_n=0, max_tokens_per_doc=0, priority=-1),
    # The model.
    both("model-unknown", UNKNOWN_MODEL, model=f"rerank-{SECRET}"),
    both("model-empty", UNKNOWN_MODEL, model=""),
    both("model-other-case", UNKNOWN_MODEL, model="RERANK-V3.5"),
    both("model-nul", UNKNOWN_MODEL, model="rerank-v3.5\0"),
    # Fields that are missing or null. Over gRPC a missing field is an empty one.
    *(rest_only(f"{name}-missing", INVALID, name, **{name: ...}) for name in GOOD),
    *(rest_only(f"{name}-null", INVALID, name, **{name: None}) for name in GOOD),
    *(rest_only(f"{name}-null", FINE, **{name: None}) for name in OPTIONAL),
    # Fields of another type.
    *(rest_only(f"model-{kind.__name__}", INVALID, "model", model=kind()) for kind in (int, bool, list, dict)),
    *(rest_only(f"query-{kind.__name__}", INVALID, "query", query=kind()) for kind in (int, bool, list, dict)),
    *(rest_only(f"documents-{kind.__name__}", INVALID, "documents", documents=kind())
      for kind in (str, int, bool, dict)),
    *(rest_only(f"document-{type(item).__name__}", INVALID, "documents", documents=[SECRET, item])
      for item in (1, None, True, [SECRET], {"text": SECRET})),
    *(rest_only(f"{name}-{kind}", INVALID, name, **{name: value}) for name in OPTIONAL for kind, value in (
        ("string", "5"), ("float", 1.5), ("bool", True), ("list", [1]), ("object", {"n": 1}))),
    *(rest_only(f"{name}-{kind}", INVALID, **{name: value}) for name in OPTIONAL for kind, value in (
        ("nan", float("nan")), ("infinity", float("-inf")))),
    *(rest_only(f"{name}-whole-float", FINE, **{name: 3.0}) for name in OPTIONAL),
    # Bodies.
    body("body-empty", INVALID, b""),
    body("body-blank", INVALID, b" \n "),
    body("body-not-json", INVALID, f"query={SECRET}&documents={SECRET}".encode()),
    body("body-truncated-json", INVALID, GOOD_BODY[:-9]),
    body("body-two-values", INVALID, GOOD_BODY * 2),
    *(body(f"body-{type(value).__name__}", INVALID, encoded(value))
      for value in ([GOOD], SECRET, 5, 1.5, True, None)),
    body("body-single-quotes", INVALID, repr(dict(GOOD)).encode()),
    body("body-utf-16", INVALID, GOOD_BODY.decode().encode("utf-16")),
    body("body-lone-surrogate-in-query", INVALID, encoded(changed(query=f"{SECRET}\ud800"))),
    body("body-lone-surrogate-in-document", INVALID, encoded(changed(documents=[f"\udc00{SECRET}"]))),
    body("body-lone-surrogate-in-unknown", INVALID, encoded(changed(unknown="\udfff"))),
    body("body-not-utf-8-in-query", INVALID, GOOD_BODY.replace(b"What", b"\xff\xfe")),
    body("body-not-utf-8-in-unknown", INVALID, with_member('"unknown":"!"').replace(b"!", b"\xc3")),
    body("body-deep-arrays", INVALID, BRACKETS.encode),
    body("body-deep-objects", INVALID, lambda: b'{"query":' * DEEP),
    body("body-deep-in-unknown", INVALID, lambda: with_member(f'"unknown":{BRACKETS}')),
    body("body-deep-in-documents", INVALID, lambda: encoded(changed(documents="!")).replace(b'"!"', BRACKETS.encode())),
    body("body-duplicate-key", FINE, with_member(f'"query":"{SECRET}"')),
    body("body-duplicate-key-last-wrong", OUT_OF_RANGE, with_member('"top_n":1,"top_n":0')),
    body("body-integer-of-5000-digits", INVALID, with_member(f'"top_n":{"9" * 5000}')),
    body("body-infinity", INVALID, with_member('"top_n":Infinity')),
    body("body-unknown-fields", FINE, encoded(changed(rank_fields=[SECRET], x={"y": [1, None, 1e300]}))),
    # Headers, methods, paths.
    *(edge(f"content-type-{name}", MEDIA_TYPE, headers={"content-type": value}) for name, value in (
        ("text", "text/plain"), ("form", "application/x-www-form-urlencoded"), ("empty", ""), ("binary", b"\xff\xfe"),
        ("almost", "application/jsonx"), ("multipart", "multipart/form-data; boundary=x"))),
    edge("content-type-missing", FINE),
    edge("content-type-charset", FINE, headers={"content-type": "Application/JSON; charset=utf-8"}),
    *(edge(f"method-{method}", WRONG_METHOD, method=method) for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS",
                                                                            "NONSENSE")),
    *(edge(f"path-{name}", UNKNOWN_PATH, path=path) for name, path in (
        ("root", "/"), ("version", "/v3/rerank"), ("case", "/V2/rerank"), ("slashes", "/v2//rerank"),
        ("nul", "/v2/rerank%00"), ("slash-at-the-end", "/v2/rerank/"), ("escaped-slash-at-the-end", "/v2/rerank%2f"),
        ("not-utf-8", "/%ff%fe"), ("8-kb", f"/{SECRET * 1600}"))),
    edge("path-traversal", UNKNOWN_PATH, method="GET", path="/static-offline-docs/%2e%2e/%2e%2e/%2e%2e/%2e%2e/LICENSE"),
    edge("path-query", FINE, path="/v2/rerank?top_n=0"),
    edge("timeout-garbage", INVALID, "X-Request-Timeout-Ms", headers={"x-request-timeout-ms": "soon"}),
    edge("timeout-float", INVALID, "X-Request-Timeout-Ms", headers={"x-request-timeout-ms": "1e3"}),
    edge("timeout-superscript", INVALID, "X-Request-Timeout-Ms", headers={"x-request-timeout-ms": b"\xb2"}),
    edge("timeout-0", OUT_OF_RANGE, "X-Request-Timeout-Ms", headers={"x-request-timeout-ms": "0"}),
    edge("timeout-negative", OUT_OF_RANGE, "X-Request-Timeout-Ms", headers={"x-request-timeout-ms": "-1"}),
    edge("timeout-long", FINE, headers={"x-request-timeout-ms": "999999999999"}),
    Case("timeout-1", TOO_LATE, Http(lambda: encoded(LATE), headers={"x-request-timeout-ms": "1"})),
    Case("client-name-7-kb", FINE, Http(lambda: GOOD_BODY, headers={"x-client-name": "n" * 7000}),
         Rpc(lambda: [message(GOOD)], metadata=(("x-client-name", "n" * 7000),))),
    edge("client-name-10-kb", FINE, headers={"x-client-name": "n" * 10_000}),
    Case("client-name-of-an-attacker", FINE,
         Http(lambda: GOOD_BODY, headers={"x-client-name": b'\x1b[2J","outcome":"OK"}\xff\xc2\x85%0a%0d<script>'}),
         Rpc(lambda: [message(GOOD)], metadata=(("x-client-name", '","outcome":"OK"}%0a<script>'),))),
    Case("authorization-nobody-asked-for", FINE, Http(lambda: GOOD_BODY, headers={"authorization": "Bearer wrong"}),
         Rpc(lambda: [message(GOOD)], metadata=(("authorization", "Bearer wrong"),))),
    # Sizes.
    body("body-largest", FINE, lambda: GOOD_BODY.ljust(MESSAGE_BYTES)),
    body("body-too-large", TOO_LARGE, lambda: GOOD_BODY.ljust(MESSAGE_BYTES + 1)),
    body("body-too-large-of-unknown-length", TOO_LARGE, lambda: blanks(65)),
    wire("body-too-large-by-its-word", TOO_LARGE, HEAD + b"\r\nContent-Length: 99999999999999999999"),
    wire("body-too-large-asks-first", TOO_LARGE, HEAD + b"\r\nExpect: 100-continue\r\nContent-Length: 99999999"),
    # What no HTTP library sends.
    wire("wire-good", FINE, HEAD + LENGTH, GOOD_BODY),
    wire("wire-two-slashes", UNKNOWN_PATH, HEAD.replace(b"/v2", b"//v2") + LENGTH, GOOD_BODY),
    wire("wire-garbage", NOT_HTTP, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    wire("wire-no-version", NOT_HTTP, b"POST /v2/rerank"),
    wire("wire-no-host", NOT_HTTP, b"POST /v2/rerank HTTP/1.1" + LENGTH, GOOD_BODY),
    wire("wire-two-lengths", NOT_HTTP, HEAD + LENGTH + b"\r\nContent-Length: 1", GOOD_BODY),
    wire("wire-same-length-twice", FINE, HEAD + LENGTH + LENGTH, GOOD_BODY),
    wire("wire-negative-length", NOT_HTTP, HEAD + b"\r\nContent-Length: -1", GOOD_BODY),
    wire("wire-word-for-length", NOT_HTTP, HEAD + b"\r\nContent-Length: many", GOOD_BODY),
    wire("wire-bad-chunk", NOT_HTTP, HEAD + b"\r\nTransfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
    wire("wire-no-body", INVALID, HEAD),
    wire("wire-expect-continue", FINE, HEAD + LENGTH + b"\r\nExpect: 100-continue", then=GOOD_BODY),
    wire("wire-header-split", NOT_HTTP, HEAD + LENGTH + b"\r\nX-Client-Name: a\rX-Evil: b", GOOD_BODY),
    wire("wire-header-nul", NOT_HTTP, HEAD + LENGTH + b"\r\nX-Client-Name: a\0b", GOOD_BODY),
    wire("wire-header-newline", FINE, HEAD + LENGTH + b"\r\nX-Client-Name: a\r\nX-Evil: b", GOOD_BODY),
    wire("wire-websocket", WRONG_METHOD, b"GET /v2/rerank HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
         b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    wire("wire-http-1.0", FINE, b"POST /v2/rerank HTTP/1.0" + LENGTH, GOOD_BODY),
    # Messages.
    rpc_only("message-garbage", INVALID, b"\xff\xff\xff\xff"),
    rpc_only("message-truncated", INVALID, message(GOOD)[:-3]),
    Case("message-empty", OUT_OF_RANGE, fields=("query", "documents"), grpc=Rpc(lambda: [b""])),
    rpc_only("message-not-utf-8", INVALID, message(GOOD).replace(b"What", b"\xff\xfe\xfd\xfc")),
    rpc_only("message-surrogate", INVALID, message(GOOD).replace(b"Wha", b"\xed\xa0\x80")),
    rpc_only("message-deep-groups", INVALID, message(GOOD) + b"\xa3\x06" * DEEP),
    rpc_only("message-other-type", FINE, message(GOOD) + b"\x22\x03abc"),
    rpc_only("message-unknown-field", FINE, message(GOOD) + b"\x9a\x06\x05" + SECRET.encode()),
    rpc_only("message-largest", FINE, lambda: padded(MESSAGE_BYTES)),
    rpc_only("message-too-large", TOO_LARGE, lambda: padded(MESSAGE_BYTES + 1)),
    rpc_only("message-far-too-large", NOT_TAKEN, lambda: padded(MESSAGE_BYTES + 2**23)),
    rpc_only("message-none", OUT_OF_TIME, timeout=0.3),
    rpc_only("list-models-garbage", INVALID, b"\xff", method=f"/{SERVICE}/ListModels"),
    # Streams.
    rpc_only("stream-good", FINE, REQUEST, documents(SECRET), documents(), method=STREAM),
    rpc_only("stream-documents-first", INVALID, documents(SECRET), REQUEST, method=STREAM),
    rpc_only("stream-two-requests", INVALID, REQUEST, REQUEST, method=STREAM),
    rpc_only("stream-empty", INVALID, method=STREAM),
    rpc_only("stream-empty-part-first", INVALID, b"", method=STREAM),
    rpc_only("stream-empty-part-later", INVALID, REQUEST, b"", method=STREAM),
    rpc_only("stream-garbage-later", INVALID, REQUEST, b"\xff", method=STREAM),
    rpc_only("stream-part-not-utf-8", INVALID, REQUEST, documents("!!").replace(b"!!", b"\xc3("), method=STREAM),
    rpc_only("stream-part-too-large", TOO_LARGE, REQUEST, lambda: padded(MESSAGE_BYTES + 1), method=STREAM),
    rpc_only("stream-too-large", TOO_LARGE, REQUEST, *[lambda: documents("x" * (MESSAGE_BYTES - 99))] * 5,
             method=STREAM),
    Case("stream-too-many-documents", OUT_OF_RANGE, fields=("documents",), grpc=Rpc(
        lambda: [REQUEST, documents(*[SECRET] * 5000), documents(*[SECRET] * 4999)], STREAM)),
    # Calls.
    rpc_only("rpc-unknown", NO_SUCH_RPC, message(GOOD), method=f"/{SERVICE}/Nonsense"),
    rpc_only("rpc-of-an-unknown-service", NO_SUCH_RPC, message(GOOD), method="/rerank.v1.RerankService/Rerank"),
    rpc_only("rpc-metadata-20-kb", NOT_TAKEN, message(GOOD), metadata=(("x-client-name", "n" * 20_000),)),
]  # fmt: skip

REST_CASES = [pytest.param(case, id=case.id) for case in CASES if case.http]
GRPC_CASES = [pytest.param(case, id=case.id) for case in CASES if case.grpc]


@pytest.fixture(autouse=True)
def still_good(rest: httpx.Client, rpc: GrpcClient) -> Iterator[None]:
    """Expect a good request to be answered over both APIs, whatever a test has sent."""
    yield
    short = changed(query="a", documents=["b", "c"])
    answer = rest.post(PATH, json=short)
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == len(rpc.rerank(short).results) == 2


@pytest.mark.parametrize("case", REST_CASES)
def test_over_rest(case: Case, rest: httpx.Client, running: RunningService) -> None:
    """Each case gets the status the contract has for it, and each refusal by the service the one error body."""
    assert case.http
    answer = case.http.send(rest, running)
    assert answer.status_code in case.outcome.http, answer.text
    assert SECRET not in answer.text
    assert "x-evil" not in answer.headers
    if answer.status_code == 200:
        assert answer.json().keys() == {"id", "results", "meta"}
    elif case.outcome.ours:
        said = http_refusal(answer)
        assert all(field in said for field in case.fields)
        assert ("retry-after" in answer.headers) == (answer.status_code == 503)
        assert ("allow" in answer.headers) == (answer.status_code == 405)


@pytest.mark.parametrize("case", GRPC_CASES)
def test_over_grpc(case: Case, rpc: GrpcClient) -> None:
    """Each case gets the code the contract has for it, and each refusal by the service its reason and fields."""
    assert case.grpc
    if case.outcome is FINE:
        case.grpc.send(rpc)
        return
    with pytest.raises(grpc.RpcError) as caught:
        case.grpc.send(rpc)
    assert caught.value.code() in case.outcome.grpc, caught.value
    if case.outcome.ours:
        refusal = grpc_refusal(caught.value)
        assert refusal.reason in case.outcome.reasons
        assert SECRET not in refusal.message
        assert refusal.fields == case.fields or not case.fields


def test_a_deadline_too_short_over_grpc(rpc: GrpcClient) -> None:
    """A call that cannot end in time is shed or ends at its deadline, whichever is first."""
    with pytest.raises(grpc.RpcError) as caught:
        rpc.rerank(LATE, timeout=0.001)
    assert caught.value.code() in TOO_LATE.grpc
    if caught.value.code() is StatusCode.UNAVAILABLE:
        refusal = grpc_refusal(caught.value)
        assert refusal.reason == "SHED"
        assert refusal.pushback_ms is not None


def test_a_client_name_of_10_kb_over_grpc(rpc: GrpcClient) -> None:
    """Whether metadata is too large does not depend on chance: the same call passes every time."""
    for _ in range(40):
        rpc.rerank(metadata=(("x-client-name", "n" * 10_000),))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(HEAD[:40], id="half-a-head"),
        pytest.param(HEAD + LENGTH + b"\r\n\r\n", id="no-body"),
        pytest.param(HEAD + LENGTH + b"\r\n\r\n" + GOOD_BODY[:-9], id="half-a-body"),
        pytest.param(HEAD + b"\r\nContent-Length: 60000000\r\n\r\n" + b" " * 2**20, id="much-less-than-promised"),
        pytest.param(HEAD + b"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", id="half-a-chunk"),
        pytest.param(HEAD + LENGTH + b"\r\n\r\n" + GOOD_BODY, id="everything"),
        pytest.param(HEAD + b"\r\nX-Client-Name: " + b"n" * 200_000, id="a-head-without-end"),
        pytest.param(bytes(range(256)) * 64, id="noise"),
    ],
)
def test_callers_that_leave(data: bytes, running: RunningService) -> None:
    """A caller that closes the connection early, on any port, harms nobody."""
    for address in (running.http.removeprefix("http://"), running.grpc, running.admin.removeprefix("http://")):
        and_leave(address, data)


def test_pages_without_a_route_name_no_other_host(running: RunningService) -> None:
    """What the caller puts in Host never comes back as a place to go."""
    for path in (b"/v2/rerank/", b"/docs/", b"//", b"/nowhere"):
        answer = on_the_wire(
            running.http.removeprefix("http://"),
            b"GET " + path + b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        )
        assert "evil.example" not in str(answer.headers)


def test_the_log(running: RunningService, rest: httpx.Client) -> None:
    """After all that the log is one JSON object a line, without a text, a key or a traceback."""
    marked = changed(query=SECRET, documents=[SECRET])
    for headers in ({}, {"authorization": f"Bearer {SECRET}"}):
        assert rest.post(PATH, json=marked, headers=headers).status_code == 200
    log = running.log()
    entries = [json.loads(line) for line in log.splitlines()]
    assert len(entries) > len(CASES)
    assert SECRET not in log
    assert not any(word in log for word in ("capital", "Carson", "Saipan"))
    assert "Traceback" not in log
    assert not [entry for entry in entries if entry.get("outcome") == "INTERNAL"]

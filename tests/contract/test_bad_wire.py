"""Bytes that are no call are refused at the HTTP port, and callers that leave early harm nobody."""

import json

import pytest

from tests.contract.clients import GOOD, and_leave, encoded, http_refusal, on_the_wire
from tests.process import RunningService

pytestmark = pytest.mark.usefixtures("unharmed")

BODY = encoded(GOOD)
HEAD = b"POST /v2/rerank HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close"
LENGTH = b"\r\nContent-Length: %d" % len(BODY)
END = b"\r\n\r\n"
CHUNKED = b"\r\nTransfer-Encoding: chunked"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
NO_BYTES = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
SOCKET = (
    b"GET /v2/rerank HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
)
H2C = b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA"
"""The headers with which the JDK's client asks for HTTP/2 in its first request."""
CALLS: dict[str, tuple[bytes, int]] = {
    "good": (HEAD + LENGTH + END + BODY, 200),
    "http-1.0": (b"POST /v2/rerank HTTP/1.0" + LENGTH + END + BODY, 200),
    "in-chunks": (HEAD + CHUNKED + END + CHUNKS, 200),
    "in-chunks-with-extension-and-trailer": (
        HEAD + CHUNKED + END + CHUNKS.replace(b"\r\n{", b";a=b\r\n{")[:-2] + b"X: y" + END,
        200,
    ),
    "target-with-a-host": (HEAD.replace(b"/v2", b"http://localhost/v2") + LENGTH + END + BODY, 200),
    "header-newline": (HEAD + LENGTH + b"\r\nX-Client-Name: a\r\nX-Evil: b" + END + BODY, 200),
    "no-body": (HEAD + END, 400),
    "two-slashes": (HEAD.replace(b"/v2", b"//v2") + LENGTH + END + BODY, 404),
    "websocket": (SOCKET + END, 405),
    "upgrade-to-http-2": (HEAD.replace(b"\r\nConnection: close", H2C) + LENGTH + END + BODY, 200),
    "upgrade-to-http-2-in-pieces": (HEAD.replace(b"\r\nConnection: close", H2C) + CHUNKED + END + CHUNKS, 200),
    "upgrade-to-nothing-known": (HEAD.replace(b"close", b"upgrade\r\nUpgrade: x/9") + LENGTH + END + BODY, 200),
    "too-large-by-its-word": (HEAD + b"\r\nContent-Length: 99999999999999999999" + END, 413),
    "too-large-asks-first": (HEAD + b"\r\nExpect: 100-continue\r\nContent-Length: 99999999" + END, 413),
}
NO_HTTP = {
    "garbage": NO_BYTES + END,
    "no-version": b"POST /v2/rerank" + END,
    "no-host": b"POST /v2/rerank HTTP/1.1" + LENGTH + END + BODY,
    "other-version": HEAD.replace(b"1.1", b"9.9") + LENGTH + END + BODY,
    "length-and-chunks": HEAD + LENGTH + CHUNKED + END + CHUNKS,
    "chunks-and-length": HEAD + CHUNKED + LENGTH + END + CHUNKS,
    "chunked-twice": HEAD + CHUNKED + b", chunked" + END + CHUNKS,
    "identity": HEAD + b"\r\nTransfer-Encoding: identity" + LENGTH + END + BODY,
    "same-length-twice": HEAD + LENGTH + LENGTH + END + BODY,
    "list-of-lengths": HEAD + LENGTH + b", %d" % len(BODY) + END + BODY,
    "space-before-colon": HEAD + LENGTH.replace(b":", b" :") + END + BODY,
    "bare-lf": HEAD.replace(b"\r\n", b"\n") + LENGTH + END + BODY,
    "folded": HEAD + LENGTH.replace(b": ", b":\r\n ") + END + BODY,
    "encoded-slash": HEAD.replace(b"/rerank", b"%2frerank") + LENGTH + END + BODY,
    "two-keys": HEAD + b"\r\nAuthorization: Bearer a" * 2 + LENGTH + END + BODY,
    "chunks-end-in-bare-lf": HEAD + CHUNKED + END + CHUNKS[:-2] + b"\n",
    "two-lengths": HEAD + LENGTH + b"\r\nContent-Length: 1" + END + BODY,
    "negative-length": HEAD + b"\r\nContent-Length: -1" + END + BODY,
    "word-for-length": HEAD + b"\r\nContent-Length: many" + END + BODY,
    "bad-chunk": HEAD + b"\r\nTransfer-Encoding: chunked" + END + b"zz\r\n{}\r\n0\r\n\r\n",
    "header-split": HEAD + LENGTH + b"\r\nX-Client-Name: a\rX-Evil: b" + END + BODY,
    "header-nul": HEAD + LENGTH + b"\r\nX-Client-Name: a\0b" + END + BODY,
}
LEFT = {
    "nothing": b"",
    "half-a-head": HEAD[:40],
    "no-body": HEAD + LENGTH + END,
    "half-a-body": HEAD + LENGTH + END + BODY[:-9],
    "much-less-than-promised": HEAD + b"\r\nContent-Length: 60000000" + END + b" " * 2**20,
    "half-a-chunk": HEAD + b"\r\nTransfer-Encoding: chunked" + END + b"5\r\n{",
    "everything": HEAD + LENGTH + END + BODY,
    "a-head-without-end": HEAD + b"\r\nX-Client-Name: " + b"n" * 200_000,
    "noise": bytes(range(256)) * 64,
}


def address(running: RunningService) -> str:
    """Return where HTTP listens."""
    return running.http.removeprefix("http://")


@pytest.mark.parametrize(("data", "status"), CALLS.values(), ids=CALLS)
def test_calls(data: bytes, status: int, running: RunningService) -> None:
    """A call that is one is answered by the service, with its error body if it is refused."""
    answer = on_the_wire(address(running), data)
    assert answer.status_code == status
    assert "x-evil" not in answer.headers
    if status == 200:
        assert answer.json().keys() == {"id", "results", "meta"}
    else:
        http_refusal(answer)


def test_asking_first(running: RunningService) -> None:
    """A caller that waits for leave to send its body gets it."""
    answer = on_the_wire(address(running), HEAD + LENGTH + b"\r\nExpect: 100-continue" + END, BODY)
    assert answer.status_code == 200


@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP)
def test_no_http(data: bytes, running: RunningService) -> None:
    """Bytes that are not HTTP, or could be read in two ways, are refused on both ports, and the connection closes."""
    for port in (address(running), running.admin.removeprefix("http://")):
        answer = on_the_wire(port, data.replace(b"Connection: close", b"X-Connection: open"))
        assert answer.status_code == 400
        assert answer.headers["connection"] == "close"
        assert answer.text


def test_no_line_for_each_of_them(running: RunningService) -> None:
    """A caller that speaks something else is answered, and cannot fill the log."""
    before = len(running.settled_log())
    for data in (NO_HTTP["garbage"], CALLS["websocket"][0], CALLS["upgrade-to-http-2"][0]):
        on_the_wire(address(running), data)
    assert [json.loads(line)["event"] for line in running.settled_log()[before:].splitlines()] == ["call"]


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT)
def test_callers_that_leave(data: bytes, running: RunningService) -> None:
    """A caller that closes the connection early, on any port, harms nobody."""
    for port in (address(running), running.grpc, running.admin.removeprefix("http://")):
        and_leave(port, data)


def test_pages_without_a_route_name_no_other_host(running: RunningService) -> None:
    """The caller's Host header never comes back as an address to go to."""
    for path in (b"/v2/rerank/", b"/docs/", b"//", b"/nowhere"):
        data = b"GET " + path + b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close" + END
        assert "evil.example" not in str(on_the_wire(address(running), data).headers)

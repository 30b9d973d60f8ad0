"""A request has one meaning or is refused, whatever the pieces in which it comes."""

import h11
import pytest

from service.net.framing import StrictConnection

HEAD = b"POST /v2/rerank HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = HEAD + b"Content-Length: 2\r\n\r\n{}"

ONE_MEANING = {
    "sized": SIZED,
    "chunked": CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
    "chunked-then-another": CHUNKED + b"2\r\n{}\r\n0\r\n\r\n" + SIZED,
    "trailer": CHUNKED + b"2\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n",
    "extension": CHUNKED + b"2;name=value\r\n{}\r\n0\r\n\r\n",
    "http-1.0": b"GET / HTTP/1.0\r\n\r\n",
    "newlines-in-the-body": HEAD + b"Content-Length: 4\r\n\r\n\n\n x",
    "encoded-slash-in-the-query": b"GET /?a=%2f HTTP/1.1\r\nHost: a\r\n\r\n",
    "every-server": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
}
TWO_MEANINGS = {
    "both-framings": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "http-1.0-in-chunks": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
    "same-length-twice": HEAD + b"Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "list-of-lengths": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "other-lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "plus-length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "bare-lf": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare-lf-at-the-end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare-lfs": b"GET / HTTP/1.1\nHost: a\n\n",
    "folded": HEAD + b"X-Client-Name: a\r\n b\r\n\r\n",
    "folded-length": HEAD + b"Content-Length:\r\n 2\r\n\r\n{}",
    "space-before-colon": HEAD + b"Content-Length : 2\r\n\r\n{}",
    "nul": HEAD + b"X-Client-Name: a\0b\r\n\r\n",
    "bare-cr": HEAD + b"X-Client-Name: a\rb\r\n\r\n",
    "two-codings": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "coding-twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity": HEAD + b"Transfer-Encoding: identity\r\n\r\n",
    "two-hosts": HEAD + b"Host: b\r\n\r\n",
    "two-keys": HEAD + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "other-version": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "encoded-slash": b"GET /v2%2Frerank HTTP/1.1\r\nHost: a\r\n\r\n",
    "no-path": b"GET v2/rerank HTTP/1.1\r\nHost: a\r\n\r\n",
    "authority": b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "chunk-size-no-number": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "chunk-size-negative": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "chunk-size-bare-lf": CHUNKED + b"2\n{}\r\n0\r\n\r\n",
    "chunk-extension-bare-lf": CHUNKED + b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "chunk-longer-than-said": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "chunks-end-in-bare-lf": CHUNKED + b"2\r\n{}\r\n0\r\n\n",
    "trailer-ends-in-bare-lf": CHUNKED + b"2\r\n{}\r\n0\r\nX-Sum: 1\n\n",
}
pieces = pytest.mark.parametrize("size", [1, 7, 10_000])


def events(data: bytes, size: int) -> list[h11.Event]:
    """Return the events of a request that comes in pieces of `size`. Raises RemoteProtocolError."""
    connection = StrictConnection(16 * 2**10)
    found: list[h11.Event] = []
    for start in range(0, len(data), size):
        connection.receive_data(data[start : start + size])
        while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            assert isinstance(event, h11.Event)
            found.append(event)
    return found


@pieces
@pytest.mark.parametrize("data", ONE_MEANING.values(), ids=ONE_MEANING)
def test_one_meaning(data: bytes, size: int):
    """A request that the RFCs read in one way is taken, in a single piece or byte by byte."""
    found = [type(event) for event in events(data, size)]
    assert (found[0], found[-1]) == (h11.Request, h11.EndOfMessage)


@pieces
@pytest.mark.parametrize("data", TWO_MEANINGS.values(), ids=TWO_MEANINGS)
def test_two_meanings(data: bytes, size: int):
    """A request that a proxy could read in another way is an error, in a single piece or byte by byte."""
    with pytest.raises(h11.RemoteProtocolError):
        events(data, size)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://a/v2/rerank", b"/v2/rerank"),
        (b"HTTPS://a:8080/v2/rerank?x=1&y", b"/v2/rerank?x=1&y"),
        (b"http://a", b"/"),
        (b"http://a?x", b"/?x"),
    ],
)
def test_absolute_form(target: bytes, path: bytes):
    """A target with scheme and host, as sent to proxies, means its path; headers stay."""
    request = events(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nX-Priority: 7\r\n\r\n", 10_000)[0]
    assert isinstance(request, h11.Request)
    assert request.target == path
    assert (b"x-priority", b"7") in list(request.headers)


def test_more_after_a_bad_end_is_no_request():
    """Bytes after a chunked body with a loose end are never read as a request."""
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    connection = StrictConnection(16 * 2**10)
    connection.receive_data(TWO_MEANINGS["chunks-end-in-bare-lf"] + smuggled)
    found = [connection.next_event() for _ in range(2)]
    assert [type(event) for event in found] == [h11.Request, h11.Data]
    with pytest.raises(h11.RemoteProtocolError):
        connection.next_event()
    assert connection.fault


def test_small_chunks():
    """A body may come in small chunks, as long as it has few of them, or large ones between."""
    for chunks in (b"1\r\nx\r\n" * 1000, (b"1\r\nx\r\n" + b"80\r\n" + b"x" * 128 + b"\r\n") * 5000):
        assert isinstance(events(CHUNKED + chunks + b"0\r\n\r\n", 100_000)[-1], h11.EndOfMessage)
    with pytest.raises(h11.RemoteProtocolError, match="chunks"):
        events(CHUNKED + b"1\r\nx\r\n" * 1001, 100_000)

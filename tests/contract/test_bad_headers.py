"""Wrong methods, paths and headers are refused on every route, and odd ones make no difference."""

import gzip
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.contract.clients import GOOD, SECRET, encoded, http_refusal, on_the_wire, refused
from tests.contract.forms import PATHS, Form, ranks
from tests.process import RunningService

pytestmark = pytest.mark.usefixtures("unharmed")

PRIORITY, TIMEOUT = "X-Priority", "X-Request-Timeout-Ms"
MEDIA_TYPES: tuple[Any, ...] = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    "application/xml",
    "",
    b"\xff\xfe",
)
NO_MATTER: dict[str, dict[str, Any]] = {
    "accept-of-openrouter": {"accept": "application/json;q=1, text/event-stream;q=0"},
    "accept-html": {"accept": "text/html"},
    "accept-empty": {"accept": ""},
    "accept-identity": {"accept-encoding": "identity"},
    "accept-compressed": {"accept-encoding": "gzip, deflate, br, zstd"},
    "content-type": {"content-type": "application/json"},
    "content-type-charset": {"content-type": "Application/JSON; charset=utf-8"},
    "content-encoding": {"content-encoding": "identity"},
    "cookie-empty": {"cookie": ""},
    "cookie": {"cookie": "a=b; c"},
    "key": {"authorization": f"Bearer {SECRET}"},
    "key-in-lower-case": {"authorization": f"bearer {SECRET}"},
    "scheme-alone": {"authorization": "BEARER"},
    "other-scheme": {"authorization": "Basic \xff".encode("latin-1")},
    "priority-empty": {PRIORITY: ""},
    "timeout-empty": {TIMEOUT: ""},
    "timeout-long": {TIMEOUT: "9" * 12},
    "client-name-empty": {"x-client-name": ""},
    "client-name-10-kb": {"x-client-name": "n" * 10_000},
    "client-name-of-an-attacker": {"x-client-name": b'\x1b[2J","outcome":"OK"}\xff\xc2\x85%0a%0d<script>'},
    "titles": {"http-referer": "https://example.org", "x-openrouter-title": "x"},
}


@pytest.mark.parametrize("headers", NO_MATTER.values(), ids=NO_MATTER)
def test_headers_that_matter_not(headers: Mapping[str, Any], form: Form, rest: httpx.Client) -> None:
    """Headers that clients add of their own make no difference."""
    answer = rest.post(form.path, content=encoded(form.body()), headers=headers)
    assert ranks(answer) == ranks(form.post(rest))
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "application/json"


def test_next_to_no_headers(form: Form, running: RunningService) -> None:
    """A host and a length are all that a call must bring."""
    raw = encoded(form.body())
    head = f"POST {form.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(raw)}\r\n\r\n".encode()
    assert len(ranks(on_the_wire(running.http.removeprefix("http://"), head + raw))) == len(GOOD["documents"])


@pytest.mark.parametrize("value", ["0", "7", "999"])
def test_a_priority(value: str, form: Form, rest: httpx.Client, running: RunningService) -> None:
    """A priority in the header is that of a body that has none, and not that of one that has."""
    before = len(running.settled_log())
    ranks(form.post(rest, None, **{PRIORITY: value}))
    ranks(form.post(rest, form.body(priority=5), **{PRIORITY: value}))
    lanes = [line for line in running.settled_log()[before:].splitlines() if '"lane"' in line]
    expected = [value, "5" if "priority" in form.fields else value]
    assert [f'"lane": {lane},' in line for lane, line in zip(expected, lanes, strict=True)] == [True, True]


@pytest.mark.parametrize("header", [PRIORITY, TIMEOUT])
def test_malformed_numbers(header: str, form: Form, rest: httpx.Client) -> None:
    """A header that takes a whole number takes nothing else."""
    for value in (b"soon", b"1.5", b"--1", b"-", b"+1", b"1, 2", b"1e2", b"0x1", b"9" * 13, b"\xb2"):
        refused(rest.post(form.path, content=encoded(form.body()), headers={header.encode(): value}), 400, header)


def test_numbers_out_of_range(form: Form, rest: httpx.Client) -> None:
    """Priorities end at 999, and nobody waits for less than a millisecond."""
    for value in ("-1", "1000", "9" * 12):
        refused(form.post(rest, None, **{PRIORITY: value}), form.out_of_range, "priority")
    for value in ("0", "-1", "-0", "000"):
        refused(form.post(rest, None, **{TIMEOUT: value}), form.out_of_range, TIMEOUT)


def test_a_timeout_too_short(form: Form, rest: httpx.Client) -> None:
    """A call that cannot end in time is shed, with advice, or ends at its deadline, whichever is first."""
    late = form.body(query=f"too late {SECRET}", documents=[f"{SECRET} {n}" for n in range(50)])
    answer = form.post(rest, late, **{TIMEOUT: "1"})
    assert answer.status_code in {503, 504}
    http_refusal(answer)
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)


@pytest.mark.parametrize("path", PATHS)
def test_media_types(path: str, rest: httpx.Client) -> None:
    """A body that is not JSON by its own word is refused unread."""
    for media_type in MEDIA_TYPES:
        refused(rest.post(path, content=encoded(GOOD), headers={"content-type": media_type}), 415)


@pytest.mark.parametrize("path", PATHS)
def test_compressed(path: str, rest: httpx.Client) -> None:
    """A body that is compressed by its own word is refused, and told why."""
    for encoding in ("gzip", "deflate", "br", "zstd", "gzip, identity", "nonsense"):
        answer = rest.post(path, content=gzip.compress(encoded(GOOD)), headers={"content-encoding": encoding})
        refused(answer, 415, "Content-Encoding")


@pytest.mark.parametrize("path", PATHS)
def test_wrong_methods(path: str, rest: httpx.Client) -> None:
    """A wrong method is told the right one, with the one error body, which a HEAD leaves out."""
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"):
        answer = rest.request(method, path, content=encoded(GOOD))
        refused(answer, 405)
        assert answer.headers["allow"] == "POST"
    answer = rest.head(path)
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (405, b"", "POST")


@pytest.mark.parametrize("path", PATHS)
def test_paths_beside_it(path: str, rest: httpx.Client) -> None:
    """A path beside those that there are is not found."""
    for beside in ("{}/", "{}/x", "{}%00", "{}%20", "/x{}", "{};x=1"):
        refused(rest.post(beside.format(path), content=encoded(GOOD)), 404)
    refused(rest.post(path.upper(), content=encoded(GOOD)), 404)
    refused(rest.post(path.replace("rerank", "/rerank"), content=encoded(GOOD)), 404)


@pytest.mark.parametrize("path", ["/", "/v3/rerank", "/v2", "/v1/v1/rerank", "/%ff%fe", f"/{SECRET * 1600}"])
def test_unknown_paths(path: str, rest: httpx.Client) -> None:
    """So is any other."""
    refused(rest.post(path, content=encoded(GOOD)), 404)


def test_no_way_up(rest: httpx.Client) -> None:
    """The folder of the page's own files has no way out of it."""
    refused(rest.get("/static-offline-docs/%2e%2e/%2e%2e/%2e%2e/%2e%2e/LICENSE"), 404)


def test_a_query_string(form: Form, rest: httpx.Client) -> None:
    """A query string is ignored."""
    answer = rest.post(f"{form.path}?top_n=0&query={SECRET}", content=encoded(form.body()))
    assert ranks(answer) == ranks(form.post(rest))

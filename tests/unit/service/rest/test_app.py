"""Tests of the REST application, over a use case that answers what the test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scheduler import Displaced, Draining, Expired, Shed
from service.door import Door
from service.errors import NotReadyError, OutOfRangeError, RateLimitedError, UnknownModelError, Violation
from service.messages import MESSAGE_BYTES_MAX, RerankRequest
from service.rest import create_app
from service.telemetry import Telemetry
from tests.unit.service.wired import FakeReranker, locked_door, open_door

BODY: dict[str, Any] = {"model": "tiny", "query": "the query", "documents": ["the first", "the second"]}
PATH = "/v2/rerank"


class Api:
    """The application, and a client of it that needs no socket."""

    def __init__(self, door: Door | None = None) -> None:
        self.reranker = FakeReranker()
        self.telemetry = Telemetry()
        self.app = create_app(
            self.reranker,  # type: ignore[arg-type]
            door or open_door(),
            self.telemetry,
            default_timeout_s=60,
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://rerank")

    async def post(self, body: Any = BODY, **headers: str) -> httpx.Response:
        """Send a body, as JSON unless it is bytes; names of headers are given with underscores."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.client.post(PATH, content=content, headers=named)

    async def fail(self, error: BaseException) -> httpx.Response:
        """Send a right request that ends in an error."""
        self.reranker.answer = error
        return await self.post()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    async with api.client:
        yield api


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Api]:
    api = Api(locked_door(tmp_path))
    async with api.client:
        yield api


def assert_error(answer: httpx.Response, status: int, text: str = "") -> str:
    """See that an answer is an error with the one body that errors have; return its message."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"message", "detail", "error", "id"}
    assert body["message"] == body["detail"] == body["error"]["message"]
    assert body["error"]["code"] == status
    assert body["id"] == answer.headers["x-request-id"]
    assert text in body["message"]
    return str(body["message"])


async def test_answer(api: Api):
    """A right request is answered with what the use case returns."""
    answer = await api.post()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["results"][0] == {"index": 1, "relevance_score": 0.75}
    assert api.reranker.requests == [RerankRequest("tiny", "the query", ["the first", "the second"])]


async def test_fields_arrive(api: Api):
    """Every field of the body arrives at the use case."""
    await api.post(BODY | {"top_n": 1, "max_tokens_per_doc": 5, "priority": 999, "other": "field"})
    (request,) = api.reranker.requests
    assert (request.top_n, request.max_tokens_per_doc, request.lane) == (1, 5, 999)


async def test_request_id(api: Api):
    """The id of a call is in its header and known to the use case, and no two are the same."""
    answers = [await api.post(), await api.post()]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids == [call.id for call in api.reranker.calls]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
async def test_media_type(media_type: str, api: Api):
    """JSON may be announced in any of its spellings."""
    assert (await api.post(content_type=media_type)).status_code == 200


async def test_no_media_type(api: Api):
    """A body that does not say what it is may be JSON."""
    assert (await api.client.post(PATH, content=json.dumps(BODY).encode())).status_code == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonl", ""])
async def test_wrong_media_type(media_type: str, api: Api):
    """A body that says that it is something else is refused unread."""
    assert_error(await api.post(content_type=media_type), 415, "application/json")
    assert api.reranker.requests == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "body: "),
        (b"{", "body: "),
        (b"[]", "body: "),
        (b"\xff", "body: "),
        (b'{"model": "\xff"}', "body: "),
        (b'{"model": "\\ud800"}', "body: "),
        (b"[" * 100_000, "body: "),
        ({}, "model: "),
        (BODY | {"top_n": "3"}, "top_n: "),
        (BODY | {"documents": ["one", 5]}, "documents.1: "),
        (BODY | {"documents": [{"text": "one"}]}, "documents.0: "),
    ],
)
async def test_malformed(body: Any, text: str, api: Api):
    """A body that is not what the schema says is refused, and the place named."""
    assert_error(await api.post(body), 400, text)
    assert api.reranker.requests == []


async def test_malformed_in_many_places(api: Api):
    """Of many faults, a few are told, and of many wrong documents only the first."""
    body = dict.fromkeys(("model", "query", "top_n", "max_tokens_per_doc", "priority"), 0.5) | {"documents": [5] * 1000}
    message = assert_error(await api.post(body), 400)
    assert len(message.split("; ")) == 5
    assert message.count("documents.") == 1


async def test_message_does_not_repeat_the_body(api: Api):
    """What was sent does not come back in the message."""
    answer = await api.post(BODY | {"query": ["the secret"], "top_n": "the secret", "documents": {"the": "secret"}})
    assert "secret" not in assert_error(answer, 400)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"top_n": 0}, "top_n must be at least 1, not 0"),
        ({"max_tokens_per_doc": -1}, "max_tokens_per_doc must be at least 1, not -1"),
        ({"query": " \n"}, "query must not be blank"),
        ({"documents": []}, "documents must hold at least one document"),
        ({"priority": -1}, "priority must be 0 to 999, not -1"),
        ({"priority": 1000}, "priority must be 0 to 999, not 1000"),
        ({"priority": 2**40}, "priority must be 0 to 999"),
    ],
)
async def test_out_of_range(fields: dict[str, Any], text: str, api: Api):
    """A value out of range is another answer than a malformed body."""
    assert_error(await api.post(BODY | fields), 422, text)
    assert api.reranker.requests == []


async def test_too_large_by_its_own_word(api: Api):
    """A body that announces too much is refused before it is read."""
    answer = await api.post(content_length=str(MESSAGE_BYTES_MAX + 1))
    assert_error(answer, 413, "67,108,864 bytes")


async def test_too_large_without_a_word(api: Api):
    """A body that never ends is refused once it is too large."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2 * MESSAGE_BYTES_MAX:
            sent += 2**22
            yield b" " * 2**22

    answer = await api.client.post(PATH, content=endless(), headers={"content-type": "application/json"})
    assert_error(answer, 413)
    assert sent <= MESSAGE_BYTES_MAX + 2**23


async def test_client_name(api: Api):
    """A caller's project is what its header says, or nobody in particular."""
    await api.post(x_client_name="project")
    await api.post()
    assert [call.client for call in api.reranker.calls] == ["project", "anonymous"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_key(scheme: str, locked: Api):
    """A key in the header names the client, whatever it calls itself."""
    answer = await locked.post(authorization=f"{scheme} s3cret", x_client_name="other")
    assert answer.status_code == 200
    assert locked.reranker.calls[0].client == "ann"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x_client_name": "ann"}])
async def test_no_key(headers: dict[str, str], locked: Api):
    """Where keys are asked for, a call without the right one is refused, and told which way to send it."""
    answer = await locked.post(**headers)
    assert_error(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert locked.reranker.requests == []


async def test_key_before_body(locked: Api):
    """Without a key, nobody learns what is wrong with a body."""
    assert_error(await locked.post(b"{"), 401)


async def test_rate():
    """A client over its rate is refused before its body is looked at, and told when to ask again."""
    api = Api(open_door(1))
    async with api.client:
        assert (await api.post()).status_code == 200
        answer = await api.post(b"{")
    assert_error(answer, 429)
    assert answer.headers["retry-after"] == "1"


async def test_default_deadline(api: Api):
    """A call that brings no deadline has the default."""
    await api.post()
    assert 50 < api.reranker.remaining_s[0] <= 60


@pytest.mark.parametrize(("given", "limit_s"), [("5000", 5), ("1", 0.001), ("3600000", 3600)])
async def test_deadline(given: str, limit_s: float, api: Api):
    """A call's deadline is its own word in milliseconds."""
    await api.post(x_request_timeout_ms=given)
    assert limit_s - 10 < api.reranker.remaining_s[0] <= limit_s


@pytest.mark.parametrize("given", ["soon", "1.5", "--1", "-", "1e3", "9" * 13, "5s", "0x10", "²"])
async def test_malformed_deadline(given: str, api: Api):
    """A deadline that is no whole number of milliseconds is malformed."""
    headers = {"content-type": "application/json", "x-request-timeout-ms": given.encode("latin-1")}
    answer = await api.client.post(PATH, content=json.dumps(BODY).encode(), headers=headers)  # type: ignore[arg-type]
    assert_error(answer, 400, "X-Request-Timeout-Ms")


@pytest.mark.parametrize("given", ["0", "-1"])
async def test_deadline_out_of_range(given: str, api: Api):
    """A deadline of no time at all is out of range."""
    assert_error(await api.post(x_request_timeout_ms=given), 422, "X-Request-Timeout-Ms must be at least 1")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnknownModelError("no such model"), 404),
        (OutOfRangeError(Violation("documents", "may be 3 at most")), 422),
        (RateLimitedError(1), 429),
        (Shed(1), 503),
        (Displaced(1), 503),
        (Draining(), 503),
        (NotReadyError(), 503),
        (Expired(), 504),
    ],
)
async def test_error(error: Exception, status: int, api: Api):
    """Each error of the use case has its status, and the body says what happened."""
    assert_error(await api.fail(error), status, str(error))


@pytest.mark.parametrize("error", [ValueError("the secret"), KeyError("the secret"), RuntimeError()])
async def test_unforeseen_error(error: Exception, api: Api):
    """What nobody foresaw is answered in fixed words."""
    message = assert_error(await api.fail(error), 500)
    assert message == "An unforeseen error; the server's log has it under the request id."


@pytest.mark.parametrize(
    ("error", "seconds", "milliseconds"),
    [
        (Shed(2.5), "3", "2500"),
        (Shed(0.05), "1", "50"),
        (Shed(), "59", None),
        (Displaced(7), "7", "7000"),
        (RateLimitedError(1), "1", "1000"),
        (Draining(), "1", None),
        (NotReadyError(), "1", None),
    ],
)
async def test_advice(error: Exception, seconds: str, milliseconds: str | None, api: Api):
    """Where asking again may help, the answer says when, in both units that clients read."""
    answer = await api.fail(error)
    assert answer.headers.get("retry-after") == seconds
    assert answer.headers.get("retry-after-ms") == milliseconds


@pytest.mark.parametrize("error", [UnknownModelError("none"), Expired(), ValueError()])
async def test_no_advice(error: Exception, api: Api):
    """Where asking again does not help, the answer says nothing of it."""
    answer = await api.fail(error)
    assert "retry-after" not in answer.headers
    assert "retry-after-ms" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v3/rerank", 404), ("GET", "/", 404), ("POST", f"{PATH}/", 404), ("GET", PATH, 405), ("PUT", PATH, 405)],
)
async def test_no_such_route(method: str, path: str, status: int, api: Api):
    """An unknown path and a wrong method are errors with the same body as all others."""
    assert_error(await api.client.request(method, path), status)


async def test_allowed_methods(api: Api):
    """A wrong method is told the right one."""
    assert (await api.client.get(PATH)).headers["allow"] == "POST"


async def call_and_leave(api: Api, body: bytes, *, complete: bool) -> list[Any]:
    """Make a call of which the caller closes the connection; return what was sent to it all the same."""
    sent: list[Any] = []

    async def messages() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": body, "more_body": not complete}
        if complete:
            await api.reranker.asked.wait()
        while True:
            yield {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "query_string": b"", "asgi": {}}
    async with asyncio.timeout(5):
        await api.app(scope, messages().__anext__, send)  # type: ignore[arg-type]
    return sent


def outcomes(api: Api) -> Iterator[str]:
    """Return the outcomes that were counted."""
    for line in api.telemetry.exposition().decode().splitlines():
        if line.startswith("rerank_requests_total{"):
            yield line.partition('outcome="')[2].partition('"')[0]


async def test_caller_leaves_while_waiting(api: Api):
    """When a caller closes the connection, the work for it ends, and is counted as cancelled."""
    api.reranker.answer = None
    sent = await call_and_leave(api, json.dumps(BODY).encode(), complete=True)
    assert api.reranker.cancelled == 1
    assert {message["status"] for message in sent if "status" in message} <= {499}
    assert list(outcomes(api)) == ["CANCELLED"]


async def test_caller_leaves_while_sending(api: Api):
    """When a caller closes the connection before its body is complete, nothing is asked for."""
    await call_and_leave(api, b'{"model"', complete=False)
    assert api.reranker.requests == []
    assert list(outcomes(api)) == ["CANCELLED"]


async def test_counted_as_rest(api: Api):
    """A call is counted with its api and its lane."""
    await api.post(BODY | {"priority": 500})
    expected = 'rerank_requests_total{api="rest",lanes="500-999",outcome="OK"} 1.0'
    assert expected in api.telemetry.exposition().decode()


async def test_log_holds_no_text(api: Api, capfd: pytest.CaptureFixture[str]):
    """Neither the query nor a document is logged, however the call ends."""
    await api.post()
    await api.fail(Shed(1))
    await api.post(BODY | {"top_n": 0})
    await api.post(BODY | {"top_n": "0"})
    written = "".join(capfd.readouterr())
    assert "OUT_OF_RANGE" in written
    assert not any(text in written for text in (BODY["query"], *BODY["documents"]))


async def test_schema(api: Api):
    """The schema documents the route, its body with limits, and its errors."""
    schema = (await api.client.get("/openapi.json")).json()
    operation = schema["paths"][PATH]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["model", "query", "documents"]
    assert body["properties"]["priority"]["maximum"] == 999
    assert {"400", "401", "404", "413", "415", "422", "429", "500", "503", "504"} < set(operation["responses"])


async def test_documentation_needs_no_network(api: Api):
    """The documentation page loads nothing from elsewhere."""
    page = await api.client.get("/docs")
    assert page.status_code == 200
    assert 'src="http' not in page.text
    assert 'href="http' not in page.text

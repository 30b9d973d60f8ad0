"""Every REST route authenticates, limits, times and records its calls, and keeps no text of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from scheduler import Displaced, Draining, Expired, Shed
from service.errors import (
    DenyListedError,
    ForbiddenError,
    NotReadyError,
    Outcome,
    OutOfRangeError,
    RateLimitedError,
    UnknownModelError,
    UnsupportedError,
    Violation,
)
from tests.unit.service.rerankers import open_access
from tests.unit.service.rest.rest_client import BODY, FORMS, PATH, ROUTES, Api, assert_error


async def test_request_id(api: Api):
    """The id of a call is in its header and known to the use case, and no two are the same."""
    answers = [await api.post(body, path) for path, body in FORMS]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids == [call.id for call in api.reranker.calls]
    assert len(set(ids)) == len(FORMS)


async def test_client_name(api: Api):
    """A caller's project is what its header says, or nobody in particular."""
    await api.post(x_client_name="project")
    await api.post()
    assert [call.client for call in api.reranker.calls] == ["project", "anonymous"]


async def test_address(api: Api):
    """A caller's address is that of its connection, whatever a header says."""
    await api.post(x_forwarded_for="203.0.113.1", forwarded="for=203.0.113.1")
    assert api.reranker.calls[0].account == "127.0.0.1"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_key(scheme: str, locked: Api):
    """A key in the header names the client, whatever it calls itself."""
    answer = await locked.post(authorization=f"{scheme} s3cret", x_client_name="other")
    assert answer.status_code == 200
    assert locked.reranker.calls[0].client == "ann"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x_client_name": "ann"}])
async def test_no_key(headers: dict[str, str], locked: Api):
    """With keys required, a call without a right one is refused, and told which way to send it."""
    answer = await locked.post(**headers)
    assert_error(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert locked.reranker.requests == []


@pytest.mark.parametrize("path", ROUTES)
async def test_key_before_body(path: str, locked: Api):
    """Without a key, nobody learns what is wrong with a body or with another header, on any route."""
    assert_error(await locked.post(b"{", path), 401)
    assert_error(await locked.post(path=path, content_type="text/plain"), 401)
    assert_error(await locked.post(path=path, x_priority="soon"), 401)


async def test_rate():
    """A client over its rate is refused before its body is looked at, and told when to ask again."""
    api = Api(open_access(1))
    async with api.client:
        assert (await api.post()).status_code == 200
        answer = await api.post(b"{")
    assert_error(answer, 429)
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ForbiddenError("this key may not"), 403),
        (UnknownModelError("no such model"), 404),
        (DenyListedError(), 498),
        (UnsupportedError("no images"), 501),
        (OutOfRangeError(Violation("documents", "may be 3 at most")), 422),
        (RateLimitedError(1), 429),
        (Shed(1), 503),
        (Displaced(1), 503),
        (Draining(), 503),
        (NotReadyError(), 503),
        (Expired(), 504),
    ],
)
@pytest.mark.parametrize("path", ROUTES)
async def test_error(path: str, error: Exception, status: int, api: Api):
    """Each error of the use case has its status on every route, and the one body says what happened."""
    if (path, status) == ("/api/v1/rerank", 422):
        status = 400  # Clients of this form know no other.
    assert_error(await api.fail(error, path), status, str(error))


@pytest.mark.parametrize(("path", "body"), FORMS)
async def test_before_there_is_a_model(path: str, body: dict[str, Any]):
    """Until there is a model, a right request in any form is told so; a wrong one is told what is wrong."""
    api = Api(ready=False)
    async with api.client:
        assert_error(await api.post(body, path), 503, str(NotReadyError()))
        assert_error(await api.post(b"{", path), 400)


@pytest.mark.parametrize("error", [ValueError("the secret"), KeyError("the secret"), RuntimeError()])
@pytest.mark.parametrize("path", ROUTES)
async def test_unforeseen_error(path: str, error: Exception, api: Api):
    """An unforeseen error is answered in fixed words."""
    message = assert_error(await api.fail(error, path), 500)
    assert message == Outcome.of(ZeroDivisionError()).message


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
    """If asking again may help, the answer says when, in both units that clients read."""
    answer = await api.fail(error)
    assert answer.headers.get("retry-after") == seconds
    assert answer.headers.get("retry-after-ms") == milliseconds


@pytest.mark.parametrize("error", [UnknownModelError("none"), Expired(), ValueError()])
async def test_no_advice(error: Exception, api: Api):
    """If asking again does not help, the answer does not advise it."""
    answer = await api.fail(error)
    assert "retry-after" not in answer.headers
    assert "retry-after-ms" not in answer.headers


async def call_and_leave(api: Api, body: bytes, *, complete: bool, path: str = PATH) -> list[Any]:
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
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b"", "asgi": {}}
    async with asyncio.timeout(60):
        await api.app(scope, messages().__anext__, send)  # type: ignore[arg-type]
    return sent


def outcomes(api: Api) -> Iterator[str]:
    """Return the outcomes that were counted."""
    for line in api.metrics.exposition().decode().splitlines():
        if line.startswith("rerank_requests_total{"):
            yield line.partition('outcome="')[2].partition('"')[0]


@pytest.mark.parametrize(("path", "body"), FORMS)
async def test_caller_leaves_while_waiting(path: str, body: dict[str, Any], api: Api):
    """When a caller closes the connection, the work for it ends, and is counted as cancelled."""
    api.reranker.answer = None
    sent = await call_and_leave(api, json.dumps(body).encode(), complete=True, path=path)
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
    assert expected in api.metrics.exposition().decode()


@pytest.mark.parametrize("path", ROUTES)
async def test_log_holds_no_text(path: str, api: Api, capfd: pytest.CaptureFixture[str]):
    """Neither the query nor a document is logged or told, however the call ends."""
    deep: Any = "the secret"
    for _ in range(50):
        deep = {"the secret": deep}
    told = [
        await api.post(body, path)
        for body in (
            BODY,
            BODY | {"documents": [{"the secret": "the secret"}, "the secret"]},
            BODY | {"documents": [{"the secret": None}]},
            BODY | {"documents": [{"image": "the secret"}]},
            BODY | {"documents": [deep]},
            BODY | {"documents": ["the secret", 5]},
            BODY | {"top_n": 0},
            BODY | {"top_n": "the secret"},
            BODY | {"model": ["the secret"], "rank_fields": "the secret", "texts": {"the secret": 1}},
            b'{"the secret": "the secret',
        )
    ]
    told.append(await api.fail(Shed(1), path))
    written = "".join(capfd.readouterr())
    assert "INVALID_REQUEST" in written
    assert "SHED" in written
    assert not any(text in written for text in ("the secret", BODY["query"], *BODY["documents"]))
    assert not any("the secret" in answer.text for answer in told if answer.status_code != 200)

"""Every REST route authenticates, limits, times and records its calls, and keeps no text of them."""

from typing import Any

import pytest

from scheduler import Shed
from tests.unit.service.rerankers import open_access
from tests.unit.service.rest.rest_client import BODY, FORMS, ROUTES, Api, assert_error


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

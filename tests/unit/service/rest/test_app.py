"""Every route answers in its own form and takes its lane from body, header or key, in this order."""

from pathlib import Path
from typing import Any

import pytest

from service.access.access import Access
from service.access.api_keys import ApiKeys
from service.access.rate_limit import RateLimit
from service.rerank.request import RerankRequest
from tests.unit.service.rest.rest_client import BODY, FORMS, PATH, ROUTES, TEI, Api, assert_error


@pytest.mark.parametrize(("path", "body"), FORMS)
async def test_every_form_asks_the_same(path: str, body: dict[str, Any], api: Api):
    """A right request in any form asks the one use case for the same texts, and names the scores it returns."""
    answer = await api.post(body, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    ranks = found if isinstance(found, list) else found["results"]
    assert [(rank["index"], rank.get("relevance_score", rank.get("score"))) for rank in ranks] == [(1, 0.75), (0, 0.25)]
    (request,) = api.reranker.requests
    assert request == RerankRequest(body.get("model"), "the query", ["the first", "the second"])


async def test_fields_arrive(api: Api):
    """Every field of the body arrives at the use case."""
    await api.post(BODY | {"top_n": 1, "max_tokens_per_doc": 5, "priority": 999, "other": "field"})
    (request,) = api.reranker.requests
    assert (request.top_n, request.max_tokens_per_doc, request.lane) == (1, 5, 999)


async def test_texts_are_those_that_were_ranked(api: Api):
    """An answer that repeats its texts repeats each beside its own index."""
    tei = (await api.post(TEI | {"return_text": True}, "/rerank")).json()
    assert [rank["text"] for rank in tei] == ["the second", "the first"]
    cohere = (await api.post(BODY | {"return_documents": True}, "/v1/rerank")).json()
    assert [result["document"] for result in cohere["results"]] == [{"text": "the second"}, {"text": "the first"}]
    structured = BODY | {"documents": ["the first", {"title": "the second", "year": 5}]}
    router = (await api.post(structured, "/api/v1/rerank")).json()
    assert [result["document"]["text"] for result in router["results"]] == ["title: the second\nyear: 5\n", "the first"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(("header", "lane"), [(None, 0), ("", 0), ("0", 0), ("7", 7), ("999", 999)])
async def test_priority_by_header(header: str | None, lane: int, path: str, api: Api):
    """The priority of the header counts if the body has none."""
    await api.post(path=path, **({} if header is None else {"x_priority": header}))
    assert api.reranker.requests[0].lane == lane


async def test_priority_of_the_body_comes_first(api: Api):
    """The priority of the body counts if body and header both name one."""
    await api.post(BODY | {"priority": 0}, x_priority="7")
    await api.post(BODY | {"priority": None}, x_priority="7")
    assert [request.lane for request in api.reranker.requests] == [0, 7]


@pytest.mark.parametrize("path", [path for path in ROUTES if path != PATH])
async def test_priority_is_no_field_of_the_others(path: str, api: Api):
    """A form without the field ignores it, as it does all that it does not know."""
    await api.post(BODY | {"priority": 7}, path)
    assert api.reranker.requests[0].lane == 0


async def test_priority_of_the_key(tmp_path: Path):
    """A caller that names no priority gets that of its key, in every form."""
    keys = tmp_path / "keys"
    keys.write_text("ann:s3cret priority=500\n")
    api = Api(Access(ApiKeys(keys), RateLimit(None)))
    async with api.client:
        for path, body in FORMS:
            await api.post(body, path, authorization="Bearer s3cret")
    assert [request.lane for request in api.reranker.requests] == [500] * len(FORMS)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("given", ["soon", "1.5", "--1", "-", "1e3", "1, 2", "0x1", "9" * 13, b"\xb2"])
async def test_malformed_priority(given: str | bytes, path: str, api: Api):
    """A priority in the header that is no whole number is malformed."""
    assert_error(await api.post(path=path, x_priority=given), 400, "X-Priority")
    assert api.reranker.requests == []


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("given", ["-1", "1000", "9" * 12])
async def test_priority_out_of_range(given: str, path: str, api: Api):
    """A priority in the header that is out of range is refused as one in the body is."""
    status = 400 if path == "/api/v1/rerank" else 422
    assert_error(await api.post(path=path, x_priority=given), status, "priority ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v3/rerank", 404),
        ("GET", "/", 404),
        ("POST", "/openapi.json", 405),
        ("POST", "/docs", 405),
        *(("POST", f"{path}/", 404) for path in ROUTES),
        *((method, path, 405) for path in ROUTES for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")),
    ],
)
async def test_no_such_route(method: str, path: str, status: int, api: Api):
    """An unknown path and a wrong method are errors with the same body as all others."""
    assert_error(await api.client.request(method, path), status)


@pytest.mark.parametrize("path", ROUTES)
async def test_allowed_methods(path: str, api: Api):
    """A wrong method is told the right one."""
    assert (await api.client.get(path)).headers["allow"] == "POST"


async def test_documentation_needs_no_network(api: Api):
    """The documentation page loads nothing from elsewhere."""
    page = await api.client.get("/docs")
    assert page.status_code == 200
    assert 'src="http' not in page.text
    assert 'href="http' not in page.text

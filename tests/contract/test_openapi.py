"""The OpenAPI document is valid and describes what is served; its page loads nothing from elsewhere."""

import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from starlette.routing import Route

from service.rerank.limits import Limits
from service.rest.app import create_app
from tests.contract.clients import PATH, changed
from tests.contract.forms import PATHS
from tests.contract.schemas import resolved

ERRORS = ("400", "401", "403", "404", "413", "415", "422", "429", "498", "500", "501", "503", "504")
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
REF = "#/components/schemas/"
TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}


@pytest.fixture(scope="module")
def operation(document: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of the one call."""
    found: dict[str, Any] = document["paths"][PATH]["post"]
    return found


def json_schema(document: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a body or response."""
    return resolved(document, holder["content"]["application/json"]["schema"])


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a document."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from nodes(inner)


def test_it_is_valid(document: dict[str, Any]) -> None:
    """It has what OpenAPI 3.1 asks for, and every reference leads somewhere."""
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"]
    assert document["info"]["version"]
    operations = []
    for path, item in document["paths"].items():
        assert path.startswith("/")
        for method in item.keys() & METHODS:
            operation = item[method]
            operations.append(operation["operationId"])
            assert operation["responses"]
            for status, response in operation["responses"].items():
                assert re.fullmatch(r"[1-5]\d\d|default", status)
                assert response["description"]
            for parameter in operation.get("parameters", []):
                assert parameter["in"] in {"header", "query", "path", "cookie"}
                assert parameter["schema"]
    assert len(set(operations)) == len(operations) > 0
    for node in nodes(document):
        if isinstance(node.get("$ref"), str):
            assert node["$ref"].startswith(REF)
            assert node["$ref"].removeprefix(REF) in document["components"]["schemas"]
        if isinstance(node.get("type"), str) and "properties" in node:
            assert node["type"] in TYPES
            assert set(node.get("required", [])) <= node["properties"].keys()


def test_every_path_is_described(document: dict[str, Any]) -> None:
    """The routes described are the routes served, apart from the description itself and its page."""
    assert document["paths"].keys() == set(PATHS)
    assert all(item.keys() == {"post"} for item in document["paths"].values())
    app = create_app(Mock(), Mock(), Limits(10_000, 10_000, message_bytes=2**20, stream_bytes=2**22), Mock())
    served = {
        (route.path, method) for route in app.routes if isinstance(route, Route) for method in route.methods or ()
    }
    assert {path for path, method in served if method == "POST"} == set(PATHS)
    assert {path for path, method in served if method != "POST"} == {"/openapi.json", "/docs", "/docs/oauth2-redirect"}
    assert [getattr(route, "path", None) for route in app.routes if not isinstance(route, Route)] == [
        "/static-offline-docs"
    ]


def test_the_answer(document: dict[str, Any], operation: dict[str, Any], rest: httpx.Client) -> None:
    """Each answer has the members described for it."""

    def check(value: Any, schema: dict[str, Any]) -> None:
        schema = resolved(document, schema)
        if schema["type"] == "object":
            assert set(schema.get("required", [])) <= value.keys() <= schema["properties"].keys()
            for name, member in value.items():
                check(member, schema["properties"][name])
        elif schema["type"] == "array":
            for item in value:
                check(item, schema["items"])
        else:
            assert isinstance(value, {"string": str, "integer": int, "number": float}[schema["type"]])

    answer = rest.post(PATH, json=changed(max_tokens_per_doc=3)).json()
    assert answer["meta"]["warnings"]
    check(answer, json_schema(document, operation["responses"]["200"]))


@pytest.mark.parametrize("status", ERRORS)
def test_errors(status: str, document: dict[str, Any], operation: dict[str, Any]) -> None:
    """Every status a call can end with is described, with the one error body."""
    assert status in operation["responses"]
    response = operation["responses"][status]
    assert response["description"]
    schema = json_schema(document, response)
    assert schema["properties"].keys() == {"message", "detail", "error", "id"}
    assert set(schema["required"]) == {"message", "detail", "error", "id"}
    error = resolved(document, schema["properties"]["error"])
    assert error["properties"].keys() == {"code", "message"}
    assert error["properties"]["code"]["type"] == "integer"


def test_the_headers(operation: dict[str, Any]) -> None:
    """The headers that mean something are described, and none of them is required."""
    headers = {found["name"].lower(): found for found in operation["parameters"] if found["in"] == "header"}
    assert headers.keys() == {"authorization", "x-client-name", "x-request-timeout-ms", "x-priority"}
    assert not any(found.get("required") for found in headers.values())


def test_the_page(rest: httpx.Client) -> None:
    """The page is served, and everything it loads comes from this server and is there."""
    page = rest.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assets = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)["']""", page.text)
    assert len(assets) >= 2
    for asset in assets:
        assert re.match(r"/(?!/)", asset), f"{asset} is not on this server"
        found = rest.get(asset)
        assert found.status_code == 200
        assert found.content
    assert not re.search(r"https?://", page.text)
    assert "/openapi.json" in page.text


def test_the_style_sheets_stay_here(rest: httpx.Client) -> None:
    """No style sheet of the page fetches anything from elsewhere."""
    page = rest.get("/docs").text
    for sheet in re.findall(r"""href=["']([^"']+\.css)["']""", page):
        text = rest.get(sheet).text
        assert not re.search(r"""(?:@import|url\()\s*["']?\s*(?:https?:)?//""", text)


def test_no_other_description(rest: httpx.Client) -> None:
    """There is one page, not two."""
    assert rest.get("/redoc").status_code == 404

"""The running process describes every form with the fields, types and limits of the published interfaces."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.forms import FORMS, Field
from tests.contract.schemas import resolved

STATUSES = {200, 400, 401, 403, 404, 422, 429, 498, 499, 500, 501, 503, 504}
_RESULTS = {"results": "array", "results.index": "integer", "results.relevance_score": "number"}
_META = {
    "id": "string",
    "meta": "object",
    "meta.api_version": "object",
    "meta.api_version.version": "string",
    "meta.billed_units": "object",
    "meta.billed_units.search_units": "number",
    "meta.tokens": "object",
    "meta.tokens.input_tokens": "number",
    "meta.cached_tokens": "number",
    "meta.warnings": "array",
}
_V1_ANSWER = (
    _RESULTS
    | _META
    | {
        "results.document": "object",
        "model": "string",
        "usage": "object",
        "usage.total_tokens": "integer",
        "usage.prompt_tokens": "integer",
    }
)
ANSWERS: dict[str, dict[str, str]] = {
    "v2": _RESULTS | _META,
    "v1": _V1_ANSWER,
    "openrouter": _RESULTS
    | {
        "id": "string",
        "model": "string",
        "provider": "string",
        "results.document": "object",
        "results.document.text": "string",
        "usage": "object",
        "usage.search_units": "integer",
        "usage.total_tokens": "integer",
    },
    "short": _V1_ANSWER,
    "tei": {"index": "integer", "score": "number", "text": "string"},
}
"""Every field of an answer, and its type."""
ALWAYS: dict[str, set[str]] = {
    "v2": {"results", "results.index", "results.relevance_score", "meta", "meta.api_version.version"},
    "v1": {"model", "results", "results.index", "results.relevance_score", "meta", "meta.api_version.version", "usage"},
    "openrouter": {
        "model",
        "results",
        "results.document",
        "results.document.text",
        "results.index",
        "results.relevance_score",
    },
    "tei": {"index", "score"},
}
ALWAYS["short"] = ALWAYS["v1"]
"""Fields without which some client does not get by."""


@pytest.fixture(params=FORMS)
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of one form after the other."""
    return str(request.param)


def of_form(name: str, document: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a form has among those of a body or an answer."""
    schema = resolved(document, content["content"]["application/json"]["schema"])
    if "anyOf" in schema:
        schema = schema["anyOf"][("short", "tei").index(name)]
    return resolved(document, schema)


def kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return the type of a field in words."""
    if "anyOf" in schema:
        return " or ".join(sorted(kind(document, resolved(document, option)) for option in schema["anyOf"]))
    if schema["type"] == "array":
        return f"array of {kind(document, resolved(document, schema['items']))}"
    return str(schema["type"])


def fields(document: dict[str, Any], schema: dict[str, Any], within: str = "") -> Iterator[tuple[str, str, bool]]:
    """Yield the name, the type and whether it is always there, of all fields of an answer."""
    schema = resolved(document, schema)
    if schema["type"] == "array":
        yield from fields(document, schema["items"], within)
    for name, of in schema.get("properties", {}).items():
        inner = resolved(document, of)
        yield f"{within}{name}", inner["type"], name in schema.get("required", ())
        yield from fields(document, inner, f"{within}{name}.")


def test_the_request(name: str, document: dict[str, Any]) -> None:
    """A form takes the published fields and no others, of their types, required where they are, within their limits."""
    operation = document["paths"][FORMS[name].path]["post"]
    schema = of_form(name, document, operation["requestBody"])
    found = {}
    for field, described in schema["properties"].items():
        of = resolved(document, described)
        limits = {limit: of[limit] for limit in of.keys() & {"minimum", "maximum", "minItems", "maxItems", "pattern"}}
        found[field] = Field(kind(document, of), field in schema["required"], limits)
    assert found == FORMS[name].takes


def test_what_is_required_is_never_null(name: str, document: dict[str, Any]) -> None:
    """A field may be null where it may be absent, and only there."""
    operation = document["paths"][FORMS[name].path]["post"]
    schema = of_form(name, document, operation["requestBody"])
    nullable = {field for field, of in schema["properties"].items() if {"type": "null"} in of.get("anyOf", [])}
    assert nullable == schema["properties"].keys() - set(schema["required"])


def test_the_answer(name: str, document: dict[str, Any]) -> None:
    """An answer has the published fields, of their types, and always those that clients need."""
    operation = document["paths"][FORMS[name].path]["post"]
    found = list(fields(document, of_form(name, document, operation["responses"]["200"])))
    whole = {"number", "integer"}  # What is a whole number is a number.
    assert {field for field, _, _ in found} == ANSWERS[name].keys()
    for field, of, _ in found:
        assert of == ANSWERS[name][field] or {of, ANSWERS[name][field]} == whole, field
    assert {field for field, _, always in found if always} >= ALWAYS[name]


def test_the_statuses(name: str, document: dict[str, Any]) -> None:
    """Every published status is described; where clients know no 422, that one is not."""
    form = FORMS[name]
    described = {int(status) for status in document["paths"][form.path]["post"]["responses"]}
    assert described - {408, 413, 415} == STATUSES - ({422} if form.out_of_range == 400 else set())


def test_the_key(name: str, document: dict[str, Any]) -> None:
    """A key comes as a bearer token, or not at all where none is asked for."""
    (scheme,) = document["components"]["securitySchemes"]
    of = document["components"]["securitySchemes"][scheme]
    assert (of["type"], of["scheme"]) == ("http", "bearer")
    assert {} in (security := document["paths"][FORMS[name].path]["post"]["security"])
    assert {scheme: []} in security

"""The OpenAPI description of the routes."""

from typing import Any, Union

from fastapi import Security
from fastapi.security import HTTPBearer

from scheduler import LANES
from service.errors import STATUSES
from service.rerank.limits import Limits
from service.rest.handler import ErrorBody
from service.rest.http_input import NUMBER_MAX
from service.rest.routes import Route
from service.rest.schema import Body

_HEADERS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("Authorization", {"type": "string"}, "`Bearer KEY`; required if the server has API keys."),
    (
        "X-Client-Name",
        {"type": "string"},
        "Name of the client, for rate limits and logs; ignored if the server has API keys.",
    ),
    (
        "X-Request-Timeout-Ms",
        {"type": "integer", "minimum": 1, "maximum": NUMBER_MAX},
        "Timeout of the call in milliseconds.",
    ),
    (
        "X-Priority",
        {"type": "integer", "minimum": 0, "maximum": LANES - 1},
        "0, the most urgent, to 999; a `priority` in the body takes precedence.",
    ),
)
_ADVICE = {"Retry-After": {"description": "Seconds to wait before a retry.", "schema": {"type": "integer"}}}
_KEY = HTTPBearer(auto_error=False, scheme_name="Key", description="An API key, if the server has any.")


def documentation(route: Route, limits: Limits) -> dict[str, Any]:
    """Return the arguments of `add_api_route` that describe a route.

    Its headers and body are parsed by hand, not by FastAPI, so that their faults are answered as all other errors.
    """
    bodies = [_schema(form, limits) for form in (route.form, *(form for form, _ in route.marked.values()))]
    answers = (route.answer, *(answer for _, answer in route.marked.values()))
    responses: dict[int | str, dict[str, Any]] = {
        int(code): {"model": ErrorBody, "description": status.description}
        | ({"headers": _ADVICE} if status.retry_after else {})
        for code, status in STATUSES.items()
        if code not in route.statuses
    }
    return {
        "dependencies": [Security(_KEY)],
        "operation_id": route.name,
        "summary": route.summary,
        "response_model": Union[answers],  # noqa: UP007  # A union of a variable number of types.
        "response_model_exclude_none": True,
        "responses": responses,
        "openapi_extra": {
            "security": [{}],  # Or no key, where none is required.
            "parameters": [
                {"name": name, "in": "header", "description": text, "schema": schema} for name, schema, text in _HEADERS
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": bodies[0] if len(bodies) == 1 else {"anyOf": bodies}}},
            },
        },
    }


def _schema(form: type[Body], limits: Limits) -> dict[str, Any]:
    """Return the schema of a body, with the limit on documents that the server is set to."""
    schema = form.model_json_schema()
    documents = schema["properties"][form.ranked_field]
    documents["description"] = f"{documents['description'].removesuffix('.')}; 1 to {limits.documents_max:,}."
    return schema

"""The OpenAPI documentation of the routes."""

from typing import Any, Union

from fastapi import Security
from fastapi.security import HTTPBearer

from scheduler import LANES
from service.errors import STATUSES
from service.rerank.limits import Limits
from service.rest.error_response import ErrorBody
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
    """Return the arguments of `add_api_route` that document a route.

    FastAPI does not parse headers and body, so that their errors get the same form as all others.
    """
    bodies = [_schema(body, limits) for body in (route.body, *(body for body, _ in route.alternatives.values()))]
    answers = (route.answer, *(answer for _, answer in route.alternatives.values()))
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
            "security": [{}],  # The key is optional: the server may have none.
            "parameters": [
                {"name": name, "in": "header", "description": text, "schema": schema} for name, schema, text in _HEADERS
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": bodies[0] if len(bodies) == 1 else {"anyOf": bodies}}},
            },
        },
    }


def _schema(body: type[Body], limits: Limits) -> dict[str, Any]:
    """Return the schema of a body, with the configured limit on documents."""
    schema = body.model_json_schema()
    documents = schema["properties"][body.ranked_field]
    documents["description"] = f"{documents['description'].removesuffix('.')}; 1 to {limits.documents_max:,}."
    return schema

"""What the OpenAPI document says about the routes."""

from typing import Any, Union

from fastapi import Security
from fastapi.security import HTTPBearer

from scheduler import LANES
from service.rest.handler import ErrorBody
from service.rest.http_input import NUMBER_MAX
from service.rest.routes import Route

_STATUSES = {
    400: "Not what the schema says.",
    401: "No key, or a wrong one.",
    403: "The key may not do this.",
    404: "Unknown model.",
    413: "More than 64 MiB.",
    415: "Not JSON, or compressed.",
    422: "A value out of range.",
    429: "More requests than this client may send; Retry-After says when to ask again.",
    498: "The request contains a deny-listed term.",
    499: "The caller closed the connection.",
    500: "An unforeseen error.",
    501: "The request asks for something that the models here cannot do.",
    503: "Shed under load, stopping, or not ready; Retry-After says when to ask again.",
    504: "The deadline passed.",
}
_HEADERS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("Authorization", {"type": "string"}, "`Bearer KEY`, where keys are asked for."),
    ("X-Client-Name", {"type": "string"}, "The project that asks."),
    (
        "X-Request-Timeout-Ms",
        {"type": "integer", "minimum": 1, "maximum": NUMBER_MAX},
        "Milliseconds the caller waits for the answer.",
    ),
    (
        "X-Priority",
        {"type": "integer", "minimum": 0, "maximum": LANES - 1},
        "0, the most urgent, to 999; for bodies without a `priority`.",
    ),
)
_ADVISED = (429, 503)
_ADVICE = {"Retry-After": {"description": "Seconds to wait before asking again.", "schema": {"type": "integer"}}}
_KEY = HTTPBearer(auto_error=False, scheme_name="Key", description="Where keys are asked for.")


def documentation(route: Route) -> dict[str, Any]:
    """Return what the OpenAPI document says about a route, whose headers and body are read by hand.

    What is wrong with them is then answered like every other error.
    """
    bodies = [route.kind.model_json_schema(), *(kind.model_json_schema() for kind, _ in route.marked.values())]
    answers = (route.answer, *(answer for _, answer in route.marked.values()))
    responses: dict[int | str, dict[str, Any]] = {
        code: {"model": ErrorBody, "description": text} | ({"headers": _ADVICE} if code in _ADVISED else {})
        for code, text in _STATUSES.items()
        if code not in route.statuses
    }
    return {
        "dependencies": [Security(_KEY)],
        "operation_id": route.name,
        "summary": route.summary,
        "response_model": Union[answers],  # noqa: UP007  # Of as many as there are.
        "response_model_exclude_none": True,
        "responses": responses,
        "openapi_extra": {
            "security": [{}],  # Or none, where no keys are asked for.
            "parameters": [
                {"name": name, "in": "header", "description": text, "schema": schema} for name, schema, text in _HEADERS
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": bodies[0] if len(bodies) == 1 else {"anyOf": bodies}}},
            },
        },
    }

"""Error responses."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from service.errors import STATUSES, Outcome


class ErrorBody(BaseModel):
    """The body of every error; it repeats the message in each field that some client reads."""

    class Error(BaseModel):
        """The error in the form of OpenRouter."""

        code: int
        message: str

    message: str
    detail: str
    error: Error
    id: str


def failure_response(outcome: Outcome, call_id: str, statuses: Mapping[int, int]) -> Response:
    """Return the response to a failed call; `statuses` maps its status to that of the API form."""
    headers = {}
    if STATUSES[outcome.row.http].retry_after:
        headers["retry-after"] = str(outcome.retry_after_whole_s)
        if outcome.retry_after_s is not None:
            headers["retry-after-ms"] = str(round(outcome.retry_after_s * 1000))
    if outcome.row.http == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return error_response(statuses.get(outcome.row.http, outcome.row.http), outcome.message, call_id, headers)


def error_response(status: int, message: str, call_id: str, headers: Mapping[str, str] | None) -> Response:
    """Return an error response with an ErrorBody."""
    body = ErrorBody(message=message, detail=message, error=ErrorBody.Error(code=status, message=message), id=call_id)
    return JSONResponse(body.model_dump(), status, {**(headers or {}), "x-request-id": call_id})

"""What every route does around its answer: name the caller, keep the record, render what went wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.requests import Request

from service.calls import Calls
from service.errors import STATUSES, CallerLeftError, Outcome
from service.rerank.call import Call
from service.rerank.call_record import CallRecord
from service.rest.http_input import timeout_s

_API = "rest"

R = TypeVar("R")


class ErrorBody(BaseModel):
    """The body of every error: each client finds the text where it looks for it."""

    class Error(BaseModel):
        """The error as some clients read it."""

        code: int
        message: str

    message: str
    detail: str
    error: Error
    id: str


class Handler:
    """The same for all routes."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def guarded(
        self,
        request: Request,
        answer: Callable[[CallRecord, Call], Awaitable[BaseModel]],
        statuses: Mapping[int, int],
    ) -> Response:
        """Return the response with what `answer` returns, or with what went wrong, by `statuses` where it is there."""
        record = CallRecord(_API)
        try:
            async with self._calls.open(record, request.headers, partial(timeout_s, request)) as call:
                body = await answer(record, call)
        except Exception as error:  # noqa: BLE001  # The table has a row for everything.
            return _failed(Outcome.of(error), record.id, statuses)
        return Response(
            body.model_dump_json(exclude_none=True),
            media_type="application/json",
            headers={"x-request-id": record.id},
        )


async def unless_gone(request: Request, work: Coroutine[Any, Any, R]) -> R:
    """Return what `work` returns; cancel it if the caller closes the connection. Raises CallerLeftError then."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise CallerLeftError
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _failed(outcome: Outcome, call_id: str, statuses: Mapping[int, int]) -> Response:
    headers = {}
    if STATUSES[outcome.row.http].retry_after:
        headers["retry-after"] = str(outcome.retry_after_whole_s)
        if outcome.retry_after_s is not None:
            headers["retry-after-ms"] = str(round(outcome.retry_after_s * 1000))
    if outcome.row.http == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return error_response(statuses.get(outcome.row.http, outcome.row.http), outcome.message, call_id, headers)


def error_response(status: int, message: str, call_id: str, headers: Mapping[str, str] | None) -> Response:
    """Return an error with the one body that all have."""
    body = ErrorBody(message=message, detail=message, error=ErrorBody.Error(code=status, message=message), id=call_id)
    return JSONResponse(body.model_dump(), status, {**(headers or {}), "x-request-id": call_id})

"""The REST application: routes, and what all of them share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service.door import Door
from service.errors import (
    CallerLeftError,
    InvalidRequestError,
    MediaTypeError,
    Outcome,
    OutOfRangeError,
    TooLargeError,
    Violation,
)
from service.messages import MESSAGE_BYTES_MAX
from service.rerank import Call, Reranker
from service.rest.cohere import V2Request, V2Response
from service.telemetry import CallRecord, Telemetry, new_id

_API = "rest"
_FAULTS_MAX = 5  # Faults of a body told at once.
_TIMEOUT_DIGITS_MAX = 12  # Enough for thirty years.

_STATUSES: dict[int | str, str] = {
    400: "Not what the schema says.",
    401: "No key, or a wrong one.",
    403: "The key may not do this.",
    404: "Unknown model.",
    413: "More than 64 MiB.",
    415: "Not JSON.",
    422: "A value out of range.",
    429: "More requests than this client may send; Retry-After says when to ask again.",
    498: "The request contains a deny-listed term.",
    499: "The caller closed the connection.",
    500: "An unforeseen error.",
    501: "The request asks for something that the models here cannot do.",
    503: "Shed under load, stopping, or not ready; Retry-After says when to ask again.",
    504: "The deadline passed.",
}

B = TypeVar("B", bound=BaseModel)
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


def create_app(reranker: Reranker, door: Door, telemetry: Telemetry, *, default_timeout_s: float) -> FastAPI:
    """Return the application, answering through `reranker`. Its documentation pages need no network."""
    app = FastAPIOffline(
        title="rerankd",
        description="Orders documents by how relevant they are to a query; the most urgent requests first.",
        version="2",
        redoc_url=None,
        redirect_slashes=False,
    )
    edge = _Edge(door, telemetry, default_timeout_s)

    @app.post(
        "/v2/rerank",
        operation_id="rerank",
        summary="Put documents in order of relevance",
        response_model=V2Response,
        response_model_exclude_none=True,
        responses={code: {"model": ErrorBody, "description": text} for code, text in _STATUSES.items()},
        openapi_extra=_body_schema(V2Request),
    )
    async def rerank_v2(
        request: Request,
        # These three are declared for the documentation. They are read from the request, by hand, so that what is
        # wrong with them is answered like every other error.
        authorization: Annotated[  # noqa: ARG001
            str | None, Header(description="`Bearer KEY`, where keys are asked for.")
        ] = None,
        x_client_name: Annotated[  # noqa: ARG001
            str | None, Header(description="The project that asks.")
        ] = None,
        x_request_timeout_ms: Annotated[  # noqa: ARG001
            str | None, Header(description="Milliseconds the caller waits for the answer.")
        ] = None,
    ) -> Response:
        async def answer(record: CallRecord, call: Call) -> BaseModel:
            asked = _parse(V2Request, await _read(request)).to_request()
            record.lane, record.documents = asked.lane, len(asked.documents)
            record.result = await _unless_gone(request, reranker.rerank(asked, call))
            return V2Response.of(record.result)

        return await edge.guarded(request, answer)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return _error_response(error.status_code, HTTPStatus(error.status_code).phrase, new_id(), error.headers)

    return app


class _Edge:
    """What every route does around its answer: name the caller, keep the record, render what went wrong."""

    def __init__(self, door: Door, telemetry: Telemetry, default_timeout_s: float) -> None:
        self._door = door
        self._telemetry = telemetry
        self._default_timeout_s = default_timeout_s

    async def guarded(self, request: Request, answer: Callable[[CallRecord, Call], Awaitable[BaseModel]]) -> Response:
        """Return the response with what `answer` returns, or with what went wrong."""
        try:
            with self._telemetry.call(_API) as record:
                call = await self._call(record, request)
                async with call.in_time():
                    body = await answer(record, call)
        except Exception as error:  # noqa: BLE001  # The table has a row for everything.
            return _failed(Outcome.of(error), record.id)
        return Response(
            body.model_dump_json(exclude_none=True),
            media_type="application/json",
            headers={"x-request-id": record.id},
        )

    async def _call(self, record: CallRecord, request: Request) -> Call:
        headers = request.headers
        record.client = await self._door.enter(headers.get("authorization"), headers.get("x-client-name"))
        timeout_s = self._default_timeout_s
        if given := headers.get("x-request-timeout-ms"):
            if not given.removeprefix("-").isdecimal() or len(given) > _TIMEOUT_DIGITS_MAX:
                raise InvalidRequestError("X-Request-Timeout-Ms takes a whole number of milliseconds")
            if int(given) < 1:
                raise OutOfRangeError(Violation("X-Request-Timeout-Ms", "must be at least 1"))
            timeout_s = int(given) / 1000
        return Call(record.id, record.client, asyncio.get_running_loop().time() + timeout_s)


async def _read(request: Request) -> bytes:
    """Return the body. Raises MediaTypeError, TooLargeError or CallerLeftError."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MediaTypeError("send the body as application/json")
    if int(request.headers.get("content-length", 0)) > MESSAGE_BYTES_MAX:
        raise TooLargeError(MESSAGE_BYTES_MAX)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MESSAGE_BYTES_MAX:
                raise TooLargeError(MESSAGE_BYTES_MAX)
    except ClientDisconnect:
        raise CallerLeftError from None
    return bytes(body)


def _parse(kind: type[B], body: bytes) -> B:
    """Return the body as a message. Raises InvalidRequestError, naming the fields at fault but not what they hold."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_context=False, include_input=False)[:_FAULTS_MAX]
        ]
        raise InvalidRequestError("; ".join(faults)) from None


async def _unless_gone(request: Request, work: Coroutine[Any, Any, R]) -> R:
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


def _failed(outcome: Outcome, call_id: str) -> Response:
    headers = {}
    if outcome.row.http in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["retry-after"] = str(outcome.retry_after_whole_s)
        if outcome.retry_after_s is not None:
            headers["retry-after-ms"] = str(round(outcome.retry_after_s * 1000))
    if outcome.row.http == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return _error_response(outcome.row.http, outcome.message, call_id, headers)


def _error_response(status: int, message: str, call_id: str, headers: Mapping[str, str] | None) -> Response:
    body = ErrorBody(message=message, detail=message, error=ErrorBody.Error(code=status, message=message), id=call_id)
    return JSONResponse(body.model_dump(), status, {**(headers or {}), "x-request-id": call_id})


def _body_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the documentation of a body that the route reads for itself."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": kind.model_json_schema()}},
        }
    }

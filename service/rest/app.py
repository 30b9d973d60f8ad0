"""The REST application and its routes."""

from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from service.calls import Calls
from service.errors import DOCUMENTS, NO_FIELD_NAMES, Outcome
from service.rerank.backend import Backend
from service.rerank.call_record import CallRecord, new_id
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor
from service.rest.decode import Decoder
from service.rest.disconnect import cancel_on_disconnect
from service.rest.error_response import error_response, failure_response
from service.rest.http_input import body_of, peer_address, timeout_s, whole_number
from service.rest.openapi import documentation
from service.rest.routes import ROUTES, Route

_API = "rest"


def create_app(backend: Backend, calls: Calls, limits: Limits, parsing: PriorityExecutor) -> FastAPI:
    """Return the application: it answers requests within `limits` through `backend`, and parses bodies on `parsing`.

    Its documentation pages load nothing from the network.
    """
    app = FastAPIOffline(
        title="rerankd",
        description="Ranks documents by relevance to a query; serves the most urgent requests first.",
        version="2",
        redoc_url=None,
        redirect_slashes=False,
    )
    decoder = Decoder(parsing, limits)
    for route in ROUTES:
        app.add_api_route(
            route.path,
            _endpoint(route, calls, limits, decoder, backend),
            methods=["POST"],
            **documentation(route, limits),
        )

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return error_response(error.status_code, HTTPStatus(error.status_code).phrase, new_id(), error.headers)

    return app


def _endpoint(
    route: Route, calls: Calls, limits: Limits, decoder: Decoder, backend: Backend
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def rerank(request: Request) -> Response:
        record, field_names = CallRecord(_API), NO_FIELD_NAMES
        try:
            async with calls.open(record, peer_address(request), request.headers, partial(timeout_s, request)) as call:
                raw, priority = await body_of(request, call.held, limits), whole_number(request, "X-Priority")
                async with cancel_on_disconnect(request):
                    lane = call.caller.lane if priority is None else priority
                    body, texts = await decoder.read(route, raw, lane)
                    field_names = {DOCUMENTS: body.ranked_field}
                    rerank_request = body.to_request(texts, lane)
                    result = await backend.answer(rerank_request, call, record)
                    answer = body.answer(rerank_request, result)
        except Exception as error:  # noqa: BLE001  # The table has a row for every exception.
            return failure_response(Outcome.of(error, field_names), record.id, route.statuses)
        return Response(
            answer.model_dump_json(exclude_none=True),
            media_type="application/json",
            headers={"x-request-id": record.id},
        )

    return rerank

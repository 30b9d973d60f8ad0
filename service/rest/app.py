"""The REST application: every route, answered."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from service.calls import Calls
from service.naming import documents_called
from service.rerank.call import Call
from service.rerank.call_record import CallRecord, new_id
from service.rerank.priority_executor import PriorityExecutor
from service.rerank.reranker import Reranker
from service.rest.decode import Decoder
from service.rest.handler import Handler, error_response, unless_gone
from service.rest.http_input import body_of, whole_number
from service.rest.openapi import documentation
from service.rest.routes import ROUTES, Route


def create_app(reranker: Reranker, calls: Calls, parsing: PriorityExecutor) -> FastAPI:
    """Return the application, answering through `reranker`; large bodies are parsed on `parsing`.

    Its documentation pages need no network.
    """
    app = FastAPIOffline(
        title="rerankd",
        description="Orders documents by how relevant they are to a query; the most urgent requests first.",
        version="2",
        redoc_url=None,
        redirect_slashes=False,
    )
    edge, reader = Handler(calls), Decoder(parsing, reranker.check_count)
    for route in ROUTES:
        app.add_api_route(
            route.path, _endpoint(route, edge, reader, reranker), methods=["POST"], **documentation(route)
        )

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return error_response(error.status_code, HTTPStatus(error.status_code).phrase, new_id(), error.headers)

    return app


def _endpoint(
    route: Route, edge: Handler, reader: Decoder, reranker: Reranker
) -> Callable[..., Coroutine[Any, Any, Response]]:
    async def rerank(request: Request) -> Response:
        async def answer(record: CallRecord, call: Call) -> BaseModel:
            raw, lane = await body_of(request), whole_number(request, "X-Priority")

            async def rank() -> BaseModel:
                body, asked = await reader.read(route, raw, call.caller.lane if lane is None else lane)
                record.lane, record.documents = asked.lane, len(asked.documents)
                with documents_called(body.ranked_field):
                    record.result = await reranker.rerank(asked, call)
                return body.answer(asked, record.result)

            return await unless_gone(request, rank())

        return await edge.guarded(request, answer, route.statuses)

    return rerank

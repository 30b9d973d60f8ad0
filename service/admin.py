"""The admin port: metrics and probes."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.telemetry import Telemetry


def create_admin(telemetry: Telemetry, *, alive: Callable[[], bool], ready: Callable[[], bool]) -> Starlette:
    """Return the application. `alive` asks for progress, not load; `ready` whether new requests are welcome."""

    def probe(passes: Callable[[], bool], word: str) -> Callable[[Request], Response]:
        return lambda _: PlainTextResponse(word) if passes() else PlainTextResponse(f"not {word}", 503)

    async def metrics(_: Request) -> Response:
        return Response(telemetry.exposition(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/metrics", metrics),
            Route("/livez", probe(alive, "live")),
            Route("/readyz", probe(ready, "ready")),
        ]
    )

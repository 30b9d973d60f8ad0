"""The admin port: metrics and probes."""

from collections.abc import Callable

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.telemetry.telemetry import Telemetry


def create_admin(telemetry: Telemetry, *, alive: Callable[[], bool], ready: Callable[[], bool]) -> Starlette:
    """Return the application. `alive` asks for progress, not load; `ready` whether new requests are welcome."""

    def probe(passes: Callable[[], bool], word: str) -> Callable[[Request], Response]:
        return lambda _: PlainTextResponse(word) if passes() else PlainTextResponse(f"not {word}", 503)

    async def metrics(request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))  # OpenMetrics alone has exemplars.
        return Response(telemetry.exposition(encode), media_type=kind)

    return Starlette(
        routes=[
            Route("/metrics", metrics),
            Route("/livez", probe(alive, "live")),
            Route("/readyz", probe(ready, "ready")),
        ]
    )

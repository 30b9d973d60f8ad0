"""The admin port: metrics and probes."""

from collections.abc import Awaitable, Callable

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.telemetry.metrics import Metrics


def create_admin(metrics: Metrics, *, alive: Callable[[], bool], ready: Callable[[], bool]) -> Starlette:
    """Return the application. `alive` returns whether work makes progress, `ready` whether requests are accepted."""

    def probe(passes: Callable[[], bool], word: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(_: Request) -> Response:  # Starlette would run a plain function on a thread.
            return PlainTextResponse(word) if passes() else PlainTextResponse(f"not {word}", 503)

        return answer

    async def expose(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))  # Only OpenMetrics has exemplars.
        return Response(metrics.exposition(encode), media_type=media_type)

    return Starlette(
        routes=[
            Route("/metrics", expose),
            Route("/livez", probe(alive, "live")),
            Route("/readyz", probe(ready, "ready")),
        ]
    )

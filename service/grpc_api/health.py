"""The gRPC health service."""

from collections.abc import Callable, Iterable

from grpc_health.v1 import health, health_pb2

from service.grpc_api.metadata import Context

LIVENESS = "liveness"
"""Name in health checks that reports whether the process makes progress, whatever the load."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health(health.aio.HealthServicer):
    """Health of each service, of the server as a whole, and of `LIVENESS`, evaluated on each check."""

    def __init__(self, services: Iterable[str], alive: Callable[[], bool]) -> None:
        """`alive` returns whether the process makes progress. No name is known until `start`."""
        super().__init__()
        self._names = (*services, health.OVERALL_HEALTH)
        self._alive = alive

    async def start(self) -> None:
        """Answer NOT_SERVING, except for `LIVENESS`."""
        await self._set_all(_NOT_SERVING)
        await self.set(LIVENESS, _SERVING)

    async def ready(self) -> None:
        """Answer SERVING from now on."""
        await self._set_all(_SERVING)

    async def Check(  # noqa: N802  # grpc calls it by this name.
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Answer a probe."""
        if request.service != LIVENESS:
            return await super().Check(request, context)
        return health_pb2.HealthCheckResponse(status=_SERVING if self._alive() else _NOT_SERVING)

    async def _set_all(self, status: int) -> None:
        for name in self._names:
            await self.set(name, status)

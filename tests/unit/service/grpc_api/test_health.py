"""Health follows readiness for every service, and progress alone for liveness."""

import grpc
import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2

from service.grpc_api.health import LIVENESS
from service.grpc_api.rerank import SERVICE
from service.grpc_api.tei import INFO, RERANK
from tests.unit.service.grpc_api.grpc_client import Api, failed


@pytest.mark.parametrize("service", [SERVICE, INFO, RERANK, ""])
async def test_health(service: str):
    """The service, and the server as a whole, is healthy from the moment it is ready until it is not for good."""
    served = health_pb2.HealthCheckResponse
    api = Api()
    port = await api.server.start("127.0.0.1:0")
    api.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    before = await api.health(service)
    await api.server.ready()
    during = await api.health(service)
    await api.server.unready()
    after = await api.health(service)
    assert [before, during, after] == [served.NOT_SERVING, served.SERVING, served.NOT_SERVING]
    await api.channel.close()
    await api.server.stop(0)


async def test_health_needs_no_key(locked: Api):
    """A probe brings no key."""
    assert await locked.health(SERVICE) == health_pb2.HealthCheckResponse.SERVING


async def test_liveness(api: Api):
    """Liveness follows progress alone, whether the service is ready or not."""
    await api.server.unready()
    assert await api.health(LIVENESS) == health_pb2.HealthCheckResponse.SERVING
    api.alive = False
    assert await api.health(LIVENESS) == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_health_of_nobody(api: Api):
    """A service that is not there has no health."""
    assert (await failed(api.health("no.such.Service"))).code() is StatusCode.NOT_FOUND

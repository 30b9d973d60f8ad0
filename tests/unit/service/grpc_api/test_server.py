"""The gRPC server reflects every service, never shares a port, and stops cleanly even after a cancelled start."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.grpc_api.rerank import SERVICE
from service.grpc_api.tei import INFO, RERANK
from tests.unit.service.grpc_api.grpc_client import Api, failed, stream


async def test_no_such_method(api: Api):
    """A method that is not there is unimplemented."""
    error = await failed(api.unary(f"/{SERVICE}/Nothing")(b""))
    assert error.code() is StatusCode.UNIMPLEMENTED


async def test_port_in_use(api: Api):
    """A port that another server has is an error, not shared."""
    other = Api()
    port = await other.server.start("127.0.0.1:0")
    with pytest.raises(RuntimeError):
        await Api().server.start(f"127.0.0.1:{port}")
    await other.server.stop(0)


@pytest.mark.parametrize("turns", range(12))
async def test_a_stop_at_any_moment_of_the_start(turns: int):
    """A start that is cancelled, however far it has come, leaves a server that stops and nothing broken."""
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))
    api = Api()
    starting = asyncio.create_task(api.server.start("127.0.0.1:0"))
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait((starting,))
    await api.server.stop(0)
    assert not broken


async def test_reflection(api: Api):
    """A client without the .proto files is told of every service."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(api.channel)  # type: ignore[arg-type]
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = [answer async for answer in stub.ServerReflectionInfo(stream(asked))]
    assert {service.name for service in answers[0].list_services_response.service} == {
        SERVICE,
        INFO,
        RERANK,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }

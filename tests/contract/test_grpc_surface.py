"""A gRPC client finds health, reflection and the list of models, and may use the stubs it likes."""

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from rerank.v2 import rerank_pb2 as pb
from rerank.v2.rerank_pb2_grpc import RerankServiceStub

from tests.clients import health
from tests.contract.clients import GOOD, SERVICE, GrpcClient

SERVING = HealthCheckResponse.SERVING
WAIT_S = 600


@pytest.mark.parametrize("name", [SERVICE, "tei.v1.Rerank", "tei.v1.Info", "liveness", ""])
def test_health(name: str, rpc: GrpcClient) -> None:
    """Every service, the liveness and the server as a whole say that they serve."""
    answer = health(rpc.channel).Check(HealthCheckRequest(service=name), timeout=WAIT_S)
    assert answer.status == SERVING


@pytest.mark.parametrize("name", ["RerankService", "rerank.v2", "rerank.v2.RerankService ", "LIVENESS", "nobody"])
def test_health_of_nobody(name: str, rpc: GrpcClient) -> None:
    """A name that is not served is not found."""
    with pytest.raises(grpc.RpcError) as caught:
        health(rpc.channel).Check(HealthCheckRequest(service=name), timeout=WAIT_S)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", [SERVICE, "liveness"])
def test_health_watched(name: str, rpc: GrpcClient) -> None:
    """A watch of a name that can be checked is answered at once, with the same status."""
    watch = health(rpc.channel).Watch(HealthCheckRequest(service=name), timeout=WAIT_S)
    try:
        assert next(watch).status == SERVING
    finally:
        watch.cancel()


def test_reflection(rpc: GrpcClient) -> None:
    """A client without the .proto file learns the services and their messages from the server."""
    database = ProtoReflectionDescriptorDatabase(rpc.channel)
    assert {SERVICE, "grpc.health.v1.Health"} <= set(database.get_services())
    service = DescriptorPool(database).FindServiceByName(SERVICE)
    assert {method.name for method in service.methods} == {"Rerank", "RerankStream", "ListModels"}
    told = service.methods_by_name["Rerank"].input_type
    assert {field.name for field in told.fields} == {field.name for field in pb.RerankRequest.DESCRIPTOR.fields}


def test_list_models(rpc: GrpcClient) -> None:
    """The embedded model is listed with its alias and what it reads in one pass, as the default."""
    assert rpc.list_models() == pb.ListModelsResponse(
        models=[pb.Model(name="minilm-rerank", aliases=["rerank-v3.5"], max_input_tokens=512, is_default=True)]
    )


def test_every_listed_name_is_answered(rpc: GrpcClient) -> None:
    """A client may send any name that the list gives."""
    (model,) = rpc.list_models().models
    answers = [rpc.rerank({**GOOD, "model": name}).results for name in (model.name, *model.aliases)]
    assert answers[0] == answers[1]


def test_the_generated_client(rpc: GrpcClient) -> None:
    """The stub made from the .proto file works as it is, with and without a deadline."""
    stub = RerankServiceStub(rpc.channel)
    request = pb.RerankRequest(**GOOD)
    parts = [pb.RerankStreamRequest(request=request)]
    assert stub.Rerank(request).results == stub.Rerank(request, timeout=WAIT_S).results
    assert stub.RerankStream(iter(parts)).response.results == stub.Rerank(request).results
    assert stub.ListModels(pb.ListModelsRequest()).models


def test_a_compressed_request(rpc: GrpcClient) -> None:
    """A compressed message is refused: a few of them would unpack to gigabytes."""
    with pytest.raises(grpc.RpcError) as refused:
        RerankServiceStub(rpc.channel).Rerank(pb.RerankRequest(**GOOD), compression=grpc.Compression.Gzip)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("value", ["Bearer nobody-asked", "nonsense", ""])
def test_a_key_nobody_asked_for(value: str, rpc: GrpcClient) -> None:
    """Without keys in use, whatever a client sends as a key is ignored."""
    metadata = (("authorization", value),)
    assert rpc.rerank(metadata=metadata).results
    assert rpc.list_models(metadata=metadata).models

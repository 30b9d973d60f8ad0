"""The messages that the client makes at run time are those of the generated stubs, field by field."""

import subprocess
import sys

import pytest
from rerank.v2 import rerank_pb2

from rerankd_client import messages

OTHER_VERSION = """
from google.protobuf import descriptor_pb2, descriptor_pool
file = descriptor_pb2.FileDescriptorProto(name="rerank/v2/rerank.proto", package="rerank.v2")
file.message_type.add(name="RerankRequest")
descriptor_pool.Default().Add(file)
descriptor_pool.Default().FindMessageTypeByName("rerank.v2.RerankRequest")
import rerankd_client
"""
"""Stubs of another version of the contract, and the client."""


@pytest.mark.parametrize(
    "name", ["Documents", "RerankRequest", "RerankResponse", "RerankStreamRequest", "RerankStreamResponse"]
)
def test_messages_are_those_of_the_contract(name: str):
    """A message has the fields of the generated one, by number, name and type."""
    own, generated = (
        {(field.number, field.name, field.type) for field in getattr(module, name).DESCRIPTOR.fields}
        for module in (messages, rerank_pb2)
    )
    assert own == generated
    assert own


def test_the_service_is_that_of_the_contract():
    """Calls go to the methods that the contract has."""
    service = rerank_pb2.DESCRIPTOR.services_by_name["RerankService"]
    assert service.full_name == messages.SERVICE
    assert {"Rerank", "RerankStream"} <= set(service.methods_by_name)


def test_an_application_may_have_other_stubs():
    """The client is imported beside stubs of another version, which are in the pool that all generated code shares."""
    subprocess.run([sys.executable, "-c", OTHER_VERSION], check=True)

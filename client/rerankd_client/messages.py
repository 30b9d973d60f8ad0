"""The messages of `rerank.v2`, in a descriptor pool of their own.

They are made at run time of the descriptors that protoc wrote, since generated code does not fit in every application:
it refuses any protobuf older than its compiler, and it clashes with other stubs of the same contract in the pool that
all generated code shares.
"""

from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_PACKAGE = "rerank.v2"
SERVICE = f"{_PACKAGE}.RerankService"


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(files("rerankd_client").joinpath("protos.binpb").read_bytes()).file:
        pool.Add(file)
    return pool


_POOL = _pool()


def _message(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


Documents = _message("Documents")
RerankRequest = _message("RerankRequest")
RerankResponse = _message("RerankResponse")
RerankStreamRequest = _message("RerankStreamRequest")
RerankStreamResponse = _message("RerankStreamResponse")

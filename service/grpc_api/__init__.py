"""The gRPC API: protobuf to messages and back, errors to rich status; one file for each form of the call."""

from service.grpc_api.server import GrpcApi

__all__ = ["GrpcApi"]

"""The gRPC API: protobuf to requests and back, errors to rich status; one file for each form of the call."""

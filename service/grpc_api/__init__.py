"""The gRPC API: decodes requests, encodes answers and error statuses; one module for each protobuf package."""

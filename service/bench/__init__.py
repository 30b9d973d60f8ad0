"""`rerankd bench`: load tests of a running service over gRPC."""

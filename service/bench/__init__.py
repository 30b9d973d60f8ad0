"""Benchmarks of the real process, from outside, over gRPC."""

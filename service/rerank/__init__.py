"""The use case: a request in, ranked documents out."""

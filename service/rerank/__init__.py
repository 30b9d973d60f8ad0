"""The reranker: encodes, schedules and ranks the documents of a request."""

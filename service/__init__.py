"""The rerank service: two APIs over one scheduler and one engine."""

"""The record of a call: the source of its log line, its span and its metrics."""

import uuid
from dataclasses import dataclass, field

from service.rerank.result import RerankResult


def new_id() -> str:
    """Return an id for a call, unique everywhere."""
    return str(uuid.uuid4())


@dataclass(slots=True)
class CallRecord:
    """The id of a call, and what is learned of it until it ends; None where it ended before."""

    api: str
    """`grpc` or `rest`."""
    id: str = field(default_factory=new_id)
    client: str | None = None
    lane: int | None = None
    documents: int | None = None
    result: RerankResult | None = None

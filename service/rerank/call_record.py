"""The record of a call: the source of its log line, its span and its metrics."""

import uuid
from dataclasses import dataclass, field

from service.rerank.result import RerankResult


def new_id() -> str:
    """Return a random UUID as the id of a call."""
    return str(uuid.uuid4())


@dataclass(slots=True)
class CallRecord:
    """The facts about a call, filled in as it proceeds; None for those that it did not reach."""

    api: str
    """`grpc` or `rest`."""
    id: str = field(default_factory=new_id)
    client: str | None = None
    lane: int | None = None
    documents: int | None = None
    result: RerankResult | None = None

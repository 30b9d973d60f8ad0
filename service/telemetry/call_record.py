"""What is known about one call: the source of its log line, its span and its metrics."""

import uuid
from dataclasses import dataclass, field

from service.rerank.result import RerankResult


def new_id() -> str:
    """Return an id for a call, unique everywhere."""
    return str(uuid.uuid4())


@dataclass(slots=True)
class CallRecord:
    """What is known about a call when it ends; the APIs fill it in as they learn it."""

    api: str
    id: str = field(default_factory=new_id)
    client: str | None = None
    lane: int | None = None
    documents: int | None = None
    result: RerankResult | None = None

"""The rerank request, independent of the API form it arrived in."""

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler import LANES
from service.errors import DOCUMENTS, OutOfRangeError, Violation

MAX_TOKENS_PER_DOC = 4096
"""Default number of tokens read of each document."""


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """A query and the documents to rank by relevance to it.

    Construction validates all fields; it raises OutOfRangeError with every field that is out of range.
    """

    model: str | None
    """Name or alias; None: the default model."""
    query: str
    documents: Sequence[str]
    top_n: int | None = None
    """Results to return, at least 1; None: all."""
    max_tokens_per_doc: int = MAX_TOKENS_PER_DOC
    """Tokens read of each document, at least 1."""
    lane: int = 0
    """0, the most urgent, to 999; the field `priority` in requests."""
    max_windows_per_doc: int | None = None
    """Windows read of each document, at least 1; None: as many as the tokens need."""

    def __post_init__(self) -> None:
        violations = []
        if not self.query.strip():
            violations.append(Violation("query", "must not be blank"))
        if not self.documents:
            violations.append(Violation(DOCUMENTS, "must not be empty"))
        if self.top_n is not None and self.top_n < 1:
            violations.append(Violation("top_n", f"must be at least 1, not {self.top_n}"))
        if self.max_tokens_per_doc < 1:
            violations.append(Violation("max_tokens_per_doc", f"must be at least 1, not {self.max_tokens_per_doc}"))
        if self.max_windows_per_doc is not None and self.max_windows_per_doc < 1:
            violations.append(Violation("max_chunks_per_doc", f"must be at least 1, not {self.max_windows_per_doc}"))
        if not 0 <= self.lane < LANES:
            violations.append(Violation("priority", f"must be 0 to {LANES - 1}, not {self.lane}"))
        if violations:
            raise OutOfRangeError(*violations)

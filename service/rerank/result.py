"""The result that the answer of every API form is made from."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranked:
    """One scored document."""

    index: int
    """The document's position in the request, from 0."""
    relevance_score: float
    """In [0, 1]."""


@dataclass(frozen=True, slots=True)
class RerankResult:
    """The ranked documents of a request, and its cost."""

    id: str
    results: Sequence[Ranked]
    """By relevance descending, then index ascending; at most `top_n`."""
    search_units: int
    """Hundreds of documents, or of windows, rounded up."""
    input_tokens: int
    """Tokens of all pairs, duplicates included."""
    warnings: Sequence[str]
    """Sentences; empty if there is nothing to warn of."""
    wait_s: float
    """Seconds from admission until the first pair reached a worker."""
    tokenise_s: float
    """Seconds of thread time for tokenising."""
    model: str
    """Name of the model that scored."""
    cached_tokens: int | None = None
    """Input tokens whose scores were cached; None without a cache."""

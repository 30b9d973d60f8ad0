"""The answer to a request, independent of the API form."""

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
    """The answer to a request, with its usage and timing."""

    id: str
    results: Sequence[Ranked]
    """By relevance descending, then index ascending; at most `top_n`."""
    search_units: int
    """Hundreds of documents, or of windows, rounded up."""
    input_tokens: int
    """Tokens of all pairs, duplicates included."""
    warnings: Sequence[str]
    """Sentences for the caller, such as about truncated texts."""
    wait_s: float
    """Seconds from admission until the first pair reached a worker."""
    tokenise_s: float
    """Seconds of thread time spent on tokenising."""
    model: str
    """Name of the model that scored."""
    cached_tokens: int | None = None
    """Tokens of the pairs whose scores were in the cache; None without a cache."""

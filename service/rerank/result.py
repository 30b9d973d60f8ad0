"""The answer to a request, in the form that every API form is made from."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranked:
    """One scored document."""

    index: int
    """Its position in the request."""
    relevance_score: float
    """In [0, 1]."""


@dataclass(frozen=True, slots=True)
class RerankResult:
    """The answer to a request, and what it took."""

    id: str
    results: Sequence[Ranked]
    """By relevance descending, ties by index; cut to `top_n`."""
    search_units: int
    """One for every started hundred documents."""
    input_tokens: int
    """Encoded lengths of all pairs, equal documents counted each time."""
    warnings: Sequence[str]
    """Sentences about what was cut."""
    wait_s: float
    """From admission until the first pair reached a worker."""
    tokenise_s: float
    """Thread time spent on tokenising."""
    model: str
    """Name of the model that scored."""
    cached_tokens: int | None = None
    """Those input tokens whose scores were known already; None without a cache."""

"""The order of documents in an answer."""

from collections.abc import Mapping, Sequence
from heapq import nsmallest

from service.rerank.result import Ranked


def best_of(owners: Sequence[int], scores: Sequence[float | None]) -> dict[int, float | None]:
    """Return the highest score among the windows of each document, by index; None for a document without scores."""
    best: dict[int, float | None] = dict.fromkeys(owners)
    for owner, score in zip(owners, scores, strict=True):
        before = best[owner]
        if score is not None and (before is None or score > before):
            best[owner] = score
    return best


def ranked(best: Mapping[int, float | None], top_n: int | None) -> list[Ranked]:
    """Sort by score descending, then index ascending; documents without a score come last, with score 0."""
    order = nsmallest(top_n or len(best), best.items(), key=lambda item: (item[1] is None, -(item[1] or 0), item[0]))
    return [Ranked(index, score or 0.0) for index, score in order]

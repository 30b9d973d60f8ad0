"""The order that documents are answered in."""

from collections.abc import Mapping, Sequence
from heapq import nsmallest

from service.rerank.result import Ranked


def best_of(owners: Sequence[int], scores: Sequence[float | None]) -> dict[int, float | None]:
    """Return each document's best window's score; None for a document without any."""
    best: dict[int, float | None] = dict.fromkeys(owners)
    for owner, score in zip(owners, scores, strict=True):
        before = best[owner]
        if score is not None and (before is None or score > before):
            best[owner] = score
    return best


def ranked(best: Mapping[int, float | None], top_n: int | None) -> list[Ranked]:
    """Return documents by score descending, then index ascending; those without a score last, at 0."""
    order = nsmallest(
        top_n or len(best), best.items(), key=lambda found: (found[1] is None, -(found[1] or 0), found[0])
    )
    return [Ranked(index, score or 0.0) for index, score in order]

"""The order of documents in an answer."""

from collections.abc import Mapping, Sequence
from heapq import nsmallest

from service.rerank.result import Ranked


def best_of(owners: Sequence[int], scores: Sequence[float | None]) -> dict[int, float | None]:
    """Return the best score of each document; `owners` has the document of each of the `scores`.

    None is the score of a document none of whose pairs has one.
    """
    best: dict[int, float | None] = dict.fromkeys(owners)
    for owner, score in zip(owners, scores, strict=True):
        best_score = best[owner]
        if score is not None and (best_score is None or score > best_score):
            best[owner] = score
    return best


def ranked(best: Mapping[int, float | None], top_n: int | None) -> list[Ranked]:
    """Return documents by score descending, then index ascending; those without a score last, at 0."""
    order = nsmallest(top_n or len(best), best.items(), key=lambda item: (item[1] is None, -(item[1] or 0), item[0]))
    return [Ranked(index, score or 0.0) for index, score in order]

"""Warnings in an answer."""

from collections.abc import Sequence

from service.engine.encoding import Encoded, Query

_DOCUMENTS_ADVISED = 1000
_NAMED_MAX = 10  # Documents listed in a warning; it counts the others.


def warnings_of(encoded: Encoded, query: Query, unscored: Sequence[int]) -> list[str]:
    """Return warnings about truncated texts, documents without a score, and requests that are too large to be fast."""
    warnings = []
    if encoded.documents > _DOCUMENTS_ADVISED:
        warnings.append(
            f"{encoded.documents:,} documents in one request; up to {_DOCUMENTS_ADVISED:,} are answered faster"
        )
    if query.cut:
        warnings.append(f"the query{query.cut.size} was cut to {query.cut.kept}")
    cut: dict[str, list[str]] = {}
    for document, how in encoded.cut.items():
        cut.setdefault(how.kept, []).append(f"{document}{how.size}")
    warnings += [f"{_subject(documents, 'was', 'were')} cut to {kept}" for kept, documents in cut.items()]
    if unscored:
        documents = _subject(list(map(str, unscored)), "has", "have")
        warnings.append(f"{documents} no score because the model failed; ranked last, with score 0")
    return warnings


def _subject(documents: Sequence[str], verb: str, verb_of_many: str) -> str:
    """Return subject and verb of a sentence: `document 1 was`, or `documents 1, 2 and 3 more were`."""
    named = ", ".join(documents[:_NAMED_MAX])
    more = len(documents) - _NAMED_MAX
    others = f" and {more} more" if more > 0 else ""
    return f"documents {named}{others} {verb_of_many}" if len(documents) > 1 else f"document {named} {verb}"

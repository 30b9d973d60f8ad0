"""Warnings in an answer."""

from collections.abc import Sequence

from service.engine.encoding import Encoded, Query

_DOCUMENTS_ADVISED = 1000
_NAMED_MAX = 10  # Documents that a warning lists; it counts the others.


def warnings_of(encoded: Encoded, query: Query, unscored: Sequence[int]) -> list[str]:
    """Return warnings: too many documents, truncated texts, documents without a score."""
    warnings = []
    if encoded.documents > _DOCUMENTS_ADVISED:
        warnings.append(
            f"{encoded.documents:,} documents in one request; up to {_DOCUMENTS_ADVISED:,} are answered faster"
        )
    if query.cut:
        warnings.append(f"the query{query.cut.size} was cut to {query.cut.kept}")
    truncated: dict[str, list[str]] = {}
    for document, cut in encoded.cut.items():
        truncated.setdefault(cut.kept, []).append(f"{document}{cut.size}")
    warnings += [f"{_subject(documents, 'was', 'were')} cut to {kept}" for kept, documents in truncated.items()]
    if unscored:
        documents = _subject(list(map(str, unscored)), "has", "have")
        warnings.append(f"{documents} no score because the model failed; ranked last, with score 0")
    return warnings


def _subject(documents: Sequence[str], verb: str, verb_of_many: str) -> str:
    """Return the subject and verb of a sentence: `document 1 was`, or `documents 1, 2 and 3 more were`."""
    named = ", ".join(documents[:_NAMED_MAX])
    more = len(documents) - _NAMED_MAX
    others = f" and {more} more" if more > 0 else ""
    return f"documents {named}{others} {verb_of_many}" if len(documents) > 1 else f"document {named} {verb}"

"""What an answer warns of."""

from service.engine import Encoded, Query

_DOCUMENTS_ADVISED = 1000
_NAMED_MAX = 10  # Documents a warning lists before it only counts.


def warnings_of(encoded: Encoded, query: Query) -> list[str]:
    """Say what was not read, and what is better done otherwise."""
    warnings = []
    if encoded.documents > _DOCUMENTS_ADVISED:
        warnings.append(
            f"{encoded.documents:,} documents in one request: up to {_DOCUMENTS_ADVISED:,} are answered sooner"
        )
    if query.cut:
        warnings.append(f"the query{query.cut.size} was cut to {query.cut.kept}")
    cut: dict[str, list[str]] = {}
    for document, how in encoded.cut.items():
        cut.setdefault(how.kept, []).append(f"{document}{how.size}")
    for kept, documents in cut.items():
        named = ", ".join(documents[:_NAMED_MAX])
        more = len(documents) - _NAMED_MAX
        others = f" and {more} more" if more > 0 else ""
        what, verb = ("documents", "were") if len(documents) > 1 else ("document", "was")
        warnings.append(f"{what} {named}{others} {verb} cut to {kept}")
    return warnings

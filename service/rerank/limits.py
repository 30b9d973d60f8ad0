"""Limits on the size of a request."""

from dataclasses import dataclass

from service.errors import DOCUMENTS, OutOfRangeError, Violation

MESSAGE_BYTES_MAX = 64 * 2**20
"""Size limit of a message over either API."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest number of documents and of pairs in a request."""

    documents_max: int
    pairs_max: int
    """Pairs of query and window, counted over all documents, duplicates included."""

    def check_documents(self, documents: int, field: str = DOCUMENTS) -> None:
        """Raise OutOfRangeError for `field` if there are more than `documents_max` documents."""
        if documents > self.documents_max:
            raise OutOfRangeError(
                Violation(field, f"must have at most {self.documents_max:,} items, not {documents:,}")
            )

"""Limits on the size of a request."""

from dataclasses import dataclass

from service.errors import DOCUMENTS, OutOfRangeError, Violation

MESSAGE_BYTES_MAX = 64 * 2**20
"""Size of the largest message taken over either API."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many documents and pairs a request may have."""

    documents_max: int
    pairs_max: int
    """Windows of all its documents, equal ones counted each time."""

    def check_documents(self, documents: int, field: str = DOCUMENTS) -> None:
        """Raise OutOfRangeError, naming `field`, for more documents than a request may have."""
        if documents > self.documents_max:
            raise OutOfRangeError(Violation(field, f"may be {self.documents_max:,} at most, not {documents:,}"))

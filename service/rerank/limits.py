"""Limits on the size of a request."""

from dataclasses import dataclass

from service.errors import DOCUMENTS, OutOfRangeError, TooLargeError, Violation

TEXT_BYTES_MAX = 8 * 2**20
"""Size limit of one text: four times what is read of it at most. Longer ones take long to decode in one step."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest size of a request."""

    documents_max: int
    pairs_max: int
    """Pairs of query and window, counted over all documents, duplicates included."""
    message_bytes: int
    """Size of a message over either API."""
    stream_bytes: int
    """Size of all messages of a stream."""

    def check_documents(self, documents: int, field: str = DOCUMENTS) -> None:
        """Raise OutOfRangeError for `field` if there are more than `documents_max` documents."""
        if documents > self.documents_max:
            raise OutOfRangeError(
                Violation(field, f"must have at most {self.documents_max:,} items, not {documents:,}")
            )

    def check_message(self, size: int) -> None:
        """Raise TooLargeError for a message of `size` bytes that is over the limit."""
        if size > self.message_bytes:
            raise TooLargeError(self.message_bytes)

    def check_stream(self, size: int) -> None:
        """Raise TooLargeError for a stream of `size` bytes that is over the limit."""
        if size > self.stream_bytes:
            raise TooLargeError(self.stream_bytes)

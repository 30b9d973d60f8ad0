"""The layout of a query and a document in one sequence of tokens."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from service.engine.errors import ModelError

Ids = npt.NDArray[np.int32]

_PROBES = (
    ("where", "here"),
    ("a longer query, with marks!", "a document; 1,234 numbers, CAPITALS and ünïcödé 漢字"),
    ("x", ""),
)


class EncodedPair(NamedTuple):
    """A query and a window of a document as token ids."""

    head: Ids
    """Special tokens and query, (n,) int32; all pairs of a request share the array."""
    tail: Ids
    """Window of the document and special tokens, (m,) int32."""
    key: bytes = b""
    """Cache key, a hash of both parts; empty for a sample that is not cached."""

    @property
    def tokens(self) -> int:
        """Encoded length, special tokens included."""
        return len(self.head) + len(self.tail)


class PairLayout:
    """The special tokens around a query and a document, taken from an encoding by the tokenizer.

    With it, a request encodes its query once, and splits a document into windows without encoding it again. The
    constructor compares the layout with pairs that the tokenizer encodes.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Read the layout of a tokenizer without truncation and padding. Raises ModelError if it is not supported."""
        pair = tokenizer.encode(*_PROBES[0])
        sides = pair.sequence_ids
        if 0 not in sides or 1 not in sides or sides.index(0) > sides.index(1):
            raise ModelError("the tokenizer does not encode a query followed by a document")
        query_end = len(sides) - sides[::-1].index(0)
        document_start, document_end = sides.index(1), len(sides) - sides[::-1].index(1)
        self._prefix = np.array(pair.ids[: sides.index(0)], np.int32)
        self._middle = np.array(pair.ids[query_end:document_start], np.int32)
        self._suffix = np.array(pair.ids[document_end:], np.int32)
        self.head_type, self.tail_type = pair.type_ids[0], pair.type_ids[-1]
        """Token type ids of the two parts."""
        for query, document in _PROBES:
            self._check(tokenizer, query, document)

    @property
    def specials(self) -> int:
        """Number of special tokens in a pair."""
        return len(self._prefix) + len(self._middle) + len(self._suffix)

    def head(self, query: Ids) -> Ids:
        """Return the first part of every pair with this query, (n + specials,) int32 for (n,) int32."""
        return np.concatenate((self._prefix, query, self._middle))

    def tail(self, document: Ids) -> Ids:
        """Return the second part of the pair with this document, (m + specials,) int32 for (m,) int32."""
        return np.concatenate((document, self._suffix))

    def _check(self, tokenizer: Tokenizer, query: str, document: str) -> None:
        whole = tokenizer.encode(query, document)
        parts = [np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.int32) for text in (query, document)]
        head, tail = self.head(parts[0]), self.tail(parts[1])
        types = [self.head_type] * len(head) + [self.tail_type] * len(tail)
        if [*head, *tail] != whole.ids or types != whole.type_ids:
            raise ModelError("the pair layout of the tokenizer is not supported")

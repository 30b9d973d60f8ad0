"""From texts to pairs: cut the query, cut each document, split it into windows."""

from dataclasses import dataclass, field
from hashlib import blake2b
from secrets import token_bytes
from time import perf_counter
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from service.engine.lru import LruCache
from service.engine.pair_layout import EncodedPair, Ids, PairLayout

_CHARACTERS_PER_TOKEN = 8
"""First guess of how much of a very long text is needed; more is read if that was too little."""
_CHARACTERS_MAX = 2**19
"""Characters read of one text at most, whatever is asked for: a fifth of a second of tokenising."""
_READ_BYTES = 200
"""What the tokens of a text take beside themselves."""
_KEY_BYTES = 16
"""Of what pairs are known by: that two of a trillion pairs share one has a chance of 1 in 10**15."""


class Cut(NamedTuple):
    """How a text was cut whose end was not read."""

    read: int
    """How much of it was read."""
    has: int | None
    """How much there is; None: more than was read, but nobody counted."""
    unit: str
    """What is counted: "token", or "character" where there were too many of those."""

    @property
    def size(self) -> str:
        """How much there is, in brackets, to stand behind the name of the text; empty where nobody counted."""
        return "" if self.has is None else f" ({self.has:,} {self.unit}s)"

    @property
    def kept(self) -> str:
        """How much of it was read, in words."""
        return f"{self.read:,} {self.unit}{'s' * (self.read > 1)}"


class Query(NamedTuple):
    """A query as every pair of a request begins with it."""

    head: Ids
    """The first part of each pair."""
    window: int
    """Tokens it leaves for a document in one pass."""
    digest: blake2b
    """What the keys of its pairs go on from."""
    cut: Cut | None
    """None: all of it was read."""


@dataclass(slots=True)
class Encoded:
    """The pairs of a request, and what was cut to make them."""

    pairs: list[EncodedPair] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """Which document each pair belongs to, ascending from 0."""
    cut: dict[int, Cut] = field(default_factory=dict)
    """The documents of which the end was not read, ascending."""
    documents: int = 0
    took_s: float = 0.0
    """Thread time spent on it."""

    @property
    def pair_tokens(self) -> list[int]:
        """Encoded length of each pair."""
        return [pair.tokens for pair in self.pairs]

    def append(self, other: "Encoded") -> None:
        """Add documents that follow these."""
        self.owners += (owner + self.documents for owner in other.owners)
        self.cut |= {document + self.documents: cut for document, cut in other.cut.items()}
        self.pairs += other.pairs
        self.documents += other.documents
        self.took_s += other.took_s


class _Read(NamedTuple):
    """What was read of a text."""

    ids: Ids
    """Its first tokens."""
    whole: bool
    """Whether these are all."""

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return self.ids.nbytes + _READ_BYTES


class PairEncoder:
    """Encodes a query with documents for one tokenizer and context. Safe from any thread."""

    def __init__(self, tokenizer: Tokenizer, context: int, cache_bytes: int = 0) -> None:
        """Take over `tokenizer`; `context` is what the model reads in one pass, in tokens. Raises ModelError.

        The tokens of documents are kept in up to `cache_bytes`.
        """
        # Saved with many tokenizers, shared by all threads, and applied to every text: both stay off.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._context = context
        self._template = PairLayout(tokenizer)
        self._secret = token_bytes(_KEY_BYTES)  # Nobody can look for two pairs with one key, nor another model's.
        self._known: LruCache[_Read] = LruCache(cache_bytes, lambda read: read.bytes)

    @property
    def template(self) -> PairLayout:
        """How pairs are laid out."""
        return self._template

    def query(self, text: str) -> Query:
        """Return a query, cut to half of the context."""
        most = self._context // 2
        read = self._read(text, most)
        kept = read.ids[:most]
        window = self._context - len(kept) - self._template.specials
        head = self._template.head(kept)
        return Query(head, window, self._digest(b"%d " % len(head), head.tobytes()), _cut(text, read, most))

    def encode(self, query: Query, documents: list[str], max_tokens_per_doc: int) -> Encoded:
        """Return the pairs of `query` with `documents`.

        A document keeps its first `max_tokens_per_doc` tokens, in windows without overlap of what the query leaves.
        An empty one makes one pair.
        """
        started = perf_counter()
        encoded = Encoded(documents=len(documents))
        for index, read in enumerate(self._read_all(documents, max_tokens_per_doc)):
            kept = read.ids[:max_tokens_per_doc]
            if cut := _cut(documents[index], read, max_tokens_per_doc):
                encoded.cut[index] = cut
            for start in range(0, max(len(kept), 1), query.window):
                tail = self._template.tail(kept[start : start + query.window])
                digest = query.digest.copy()
                digest.update(tail.tobytes())
                encoded.pairs.append(EncodedPair(query.head, tail, digest.digest()))
                encoded.owners.append(index)
        encoded.took_s = perf_counter() - started
        return encoded

    def _read_all(self, texts: list[str], enough: int) -> list[_Read]:
        """Return the tokens of each text, or, of a very long one, at least the first `enough` and one more."""
        if not self._known.bytes_max:
            return self._tokenise(texts, enough)
        keys = [
            self._digest(b"%d %d " % (enough, len(text)), text[:_CHARACTERS_MAX].encode()).digest() for text in texts
        ]
        known = self._known.find(keys)
        fresh = {key: text for key, text, read in zip(keys, texts, known, strict=True) if read is None}
        found = dict(zip(fresh, self._tokenise(list(fresh.values()), enough), strict=True))
        self._known.keep(found.items())
        return [read or found[key] for key, read in zip(keys, known, strict=True)]

    def _tokenise(self, texts: list[str], enough: int) -> list[_Read]:
        long = min(_CHARACTERS_PER_TOKEN * (enough + 1), _CHARACTERS_MAX)
        short = self._tokenizer.encode_batch_fast(
            [text if len(text) <= long else "" for text in texts], add_special_tokens=False
        )
        return [
            _Read(_array(found.ids), whole=True) if len(text) <= long else self._read(text, enough)
            for text, found in zip(texts, short, strict=True)
        ]

    def _digest(self, *parts: bytes) -> blake2b:
        digest = blake2b(digest_size=_KEY_BYTES, key=self._secret)
        for part in parts:
            digest.update(part)
        return digest

    def _read(self, text: str, enough: int) -> _Read:
        """Return the tokens of `text`, or at least the first `enough` and one more.

        What is read grows until it is enough, so that a hostile megabyte does not cost a second. Words are encoded
        one by one, so all tokens but those of the last word, which may have been cut, are those of the whole text.
        Of any text, half a million characters are read at most.
        """
        length = _CHARACTERS_PER_TOKEN * (enough + 1)
        most = text[:_CHARACTERS_MAX]
        while length < len(most):
            # The fast form does not say which word a token belongs to.
            part = self._tokenizer.encode_batch([most[:length]], add_special_tokens=False)[0]
            words = part.word_ids
            sure = words.index(words[-1]) if words else 0
            if sure > enough:
                return _Read(_array(part.ids[:sure]), whole=False)
            length *= 4
        found = self._tokenizer.encode_batch_fast([most], add_special_tokens=False)[0]
        return _Read(_array(found.ids), whole=len(most) == len(text))


def _cut(text: str, read: _Read, most: int) -> Cut | None:
    """Return how a text was cut, of which `most` tokens are kept at most."""
    if len(read.ids) > most:
        return Cut(most, len(read.ids) if read.whole else None, "token")
    return None if read.whole else Cut(_CHARACTERS_MAX, len(text), "character")


def _array(ids: list[int]) -> Ids:
    return np.array(ids, np.int32)

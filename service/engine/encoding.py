"""Text to pairs: truncate the query, truncate each document, split it into windows."""

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
"""First estimate for a long text; the encoder reads more if that yields too few tokens."""
CHARACTERS_MAX = 2**19
"""Most characters tokenised of one text: a fifth of a second of tokenising, up to a second for some scripts."""
PROMPT_CHARACTERS = 33_000
"""Characters of one text that are tokenised soon, in at most 25 ms: the first estimate for 4,096 tokens."""
_READ_BYTES = 200
"""Overhead of one cached text, beside its token ids."""
_KEY_BYTES = 16
"""Size of a cache key: among 10**12 pairs, a collision has a probability of about 10**-15."""


class MoreToReadError(Exception):
    """The first `PROMPT_CHARACTERS` of a text hold too few tokens."""


class Cut(NamedTuple):
    """The truncation of a text."""

    read: int
    """Length that is scored, in units."""
    has: int | None
    """Length of the text, in units; None if it was not counted."""
    unit: str
    """"token", or "character" for a text that is too long to tokenise."""

    @property
    def size(self) -> str:
        """The length of the text as a suffix of its name, such as ` (812 tokens)`; empty if it was not counted."""
        return "" if self.has is None else f" ({self.has:,} {self.unit}s)"

    @property
    def kept(self) -> str:
        """The scored length in words, such as `510 tokens`."""
        return f"{self.read:,} {self.unit}{'s' * (self.read > 1)}"


class Query(NamedTuple):
    """An encoded query, the common start of all pairs of a request."""

    head: Ids
    """First part of each pair, (n,) int32."""
    window: int
    """Tokens left for a document in one pass."""
    digest: blake2b
    """Hash state after the head; the key of each pair continues it."""
    cut: Cut | None
    """The truncation of the query; None if it is complete."""
    owner: bytes
    """Part of each cache key, so that nobody else finds what is cached; empty for what is shared."""


@dataclass(slots=True)
class Encoded:
    """The pairs of a request, and the truncation of its documents."""

    pairs: list[EncodedPair] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """Index of the document of each pair, ascending from 0."""
    cut: dict[int, Cut] = field(default_factory=dict)
    """The truncated documents by index, ascending."""
    documents: int = 0
    took_s: float = 0.0
    """Seconds that encoding took, summed over threads."""

    @property
    def pair_tokens(self) -> list[int]:
        """Encoded length of each pair."""
        return [pair.tokens for pair in self.pairs]

    def append(self, other: "Encoded") -> None:
        """Append the documents of `other` after these."""
        self.owners += (owner + self.documents for owner in other.owners)
        self.cut |= {document + self.documents: cut for document, cut in other.cut.items()}
        self.pairs += other.pairs
        self.documents += other.documents
        self.took_s += other.took_s


class _Read(NamedTuple):
    """The tokens of a text, or of its beginning."""

    ids: Ids
    """The first tokens, (n,) int32."""
    whole: bool
    """True if `ids` holds all tokens of the text; False if the text was truncated."""

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.ids.nbytes + _READ_BYTES


class PairEncoder:
    """Encodes a query with documents for one tokenizer and context. Thread-safe."""

    def __init__(self, tokenizer: Tokenizer, context: int, cache_bytes: int = 0) -> None:
        """Take over `tokenizer`; `context` is the number of tokens that the model reads in one pass.

        A cache of up to `cache_bytes` holds the tokens of documents. Raises ModelError for an unsupported pair layout.
        """
        # Many tokenizer files enable truncation and padding. Both would apply to every text, on all threads.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._context = context
        self._template = PairLayout(tokenizer)
        self._secret = token_bytes(_KEY_BYTES)  # A caller cannot search for collisions; keys of two models differ.
        self._cache: LruCache[_Read] = LruCache(cache_bytes, lambda read: read.bytes)

    @property
    def template(self) -> PairLayout:
        """The layout of pairs."""
        return self._template

    def query(self, text: str, owner: str = "", characters: int = CHARACTERS_MAX) -> Query:
        """Encode a query, truncated to half of the context; what is cached for it is found by equal owners only.

        Raises MoreToReadError if that takes more than `characters` of a longer text.
        """
        most = self._context // 2
        read = self._read(text, most, characters)
        kept = read.ids[:most]
        window = self._context - len(kept) - self._template.specials
        head = self._template.head(kept)
        name = owner.encode(errors="replace")
        digest = self._digest(b"%d %d " % (len(name), len(head)), name, head.tobytes())
        return Query(head, window, digest, _cut(text, read, most), name)

    def encode(
        self, query: Query, documents: list[str], max_tokens_per_doc: int, characters: int = CHARACTERS_MAX
    ) -> Encoded:
        """Return the pairs of `query` with `documents`.

        A document is truncated to `max_tokens_per_doc` tokens (at least 1) and split into windows of `query.window`
        tokens without overlap. An empty document makes one pair. Raises MoreToReadError if that takes more than
        `characters` of a longer document.
        """
        started = perf_counter()
        encoded = Encoded(documents=len(documents))
        for index, read in enumerate(self._read_all(documents, max_tokens_per_doc, query.owner, characters)):
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

    def _read_all(self, texts: list[str], enough: int, owner: bytes, characters: int) -> list[_Read]:
        """Return the tokens of each text; of a very long text, at least the first `enough` + 1."""
        if not self._cache.bytes_max:
            return self._tokenise(texts, enough, characters)
        keys = [
            self._digest(b"%d %d %d " % (len(owner), enough, len(text)), owner, text[:CHARACTERS_MAX].encode()).digest()
            for text in texts
        ]
        cached = self._cache.find(keys)
        missing = {key: text for key, text, read in zip(keys, texts, cached, strict=True) if read is None}
        tokenised = dict(zip(missing, self._tokenise(list(missing.values()), enough, characters), strict=True))
        self._cache.keep(tokenised.items())
        return [read or tokenised[key] for key, read in zip(keys, cached, strict=True)]

    def _tokenise(self, texts: list[str], enough: int, characters: int) -> list[_Read]:
        long = min(_CHARACTERS_PER_TOKEN * (enough + 1), characters)
        short = self._tokenizer.encode_batch_fast(
            [text if len(text) <= long else "" for text in texts], add_special_tokens=False
        )
        return [
            _Read(_array(encoding.ids), whole=True) if len(text) <= long else self._read(text, enough, characters)
            for text, encoding in zip(texts, short, strict=True)
        ]

    def _digest(self, *parts: bytes) -> blake2b:
        digest = blake2b(digest_size=_KEY_BYTES, key=self._secret)
        for part in parts:
            digest.update(part)
        return digest

    def _read(self, text: str, enough: int, characters: int) -> _Read:
        """Return the tokens of `text`, or at least the first `enough` + 1.

        The prefix grows until it yields enough tokens, so that a hostile megabyte does not cost a second. Words are
        tokenised independently. So all tokens of the prefix, except those of its last word, are tokens of the text.
        At most `CHARACTERS_MAX` characters are tokenised. Raises MoreToReadError before more than `characters`.
        """
        length = min(_CHARACTERS_PER_TOKEN * (enough + 1), characters)
        most = text[:CHARACTERS_MAX]
        while length < len(most):
            # `encode_batch_fast` does not return word ids.
            part = self._tokenizer.encode_batch([most[:length]], add_special_tokens=False)[0]
            words = part.word_ids
            sure = words.index(words[-1]) if words else 0
            if sure > enough:
                return _Read(_array(part.ids[:sure]), whole=False)
            length *= 4
            if min(length, len(most)) > characters:
                raise MoreToReadError
        encoding = self._tokenizer.encode_batch_fast([most], add_special_tokens=False)[0]
        return _Read(_array(encoding.ids), whole=len(most) == len(text))


def _cut(text: str, read: _Read, most: int) -> Cut | None:
    """Return the truncation of a text to `most` tokens, None if it is complete."""
    if len(read.ids) > most:
        return Cut(most, len(read.ids) if read.whole else None, "token")
    return None if read.whole else Cut(CHARACTERS_MAX, len(text), "character")


def _array(ids: list[int]) -> Ids:
    return np.array(ids, np.int32)

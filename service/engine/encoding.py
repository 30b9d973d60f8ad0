"""From texts to pairs: cut the query, cut each document, split it into windows."""

from dataclasses import dataclass, field
from time import perf_counter

from tokenizers import Tokenizer

from service.engine.template import EncodedPair, PairTemplate

_CHARACTERS_PER_TOKEN = 8
"""First guess of how much of a very long text is needed; more is read if that was too little."""
_UNSURE = 8
"""Tokens before a cut that what follows the cut might have changed."""


@dataclass(slots=True)
class Encoded:
    """The pairs of a request, and what was cut to make them."""

    pairs: list[EncodedPair] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """Which document each pair belongs to, ascending from 0."""
    cut: list[int] = field(default_factory=list)
    """Documents of which the end was not read."""
    query_cut: bool = False
    documents: int = 0
    took_s: float = 0.0
    """Thread time spent on it."""

    @property
    def pair_tokens(self) -> list[int]:
        """Encoded length of each pair."""
        return [pair.tokens for pair in self.pairs]

    def append(self, other: "Encoded") -> None:
        """Add documents that follow these, encoded with the same query."""
        self.owners += (owner + self.documents for owner in other.owners)
        self.cut += (document + self.documents for document in other.cut)
        self.pairs += other.pairs
        self.query_cut |= other.query_cut
        self.documents += other.documents
        self.took_s += other.took_s


class PairEncoder:
    """Encodes a query with documents for one tokenizer and context. Safe from any thread."""

    def __init__(self, tokenizer: Tokenizer, context: int) -> None:
        """Take over `tokenizer`; `context` is what the model reads in one pass, in tokens. Raises ModelError."""
        # Saved with many tokenizers, shared by all threads, and applied to every text: both stay off.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._context = context
        self._template = PairTemplate(tokenizer)

    @property
    def template(self) -> PairTemplate:
        """How pairs are laid out."""
        return self._template

    def encode(self, query: str, documents: list[str], max_tokens_per_doc: int) -> Encoded:
        """Return the pairs of `query` with `documents`.

        The query keeps its first half context of tokens; each document its first `max_tokens_per_doc`, in windows
        without overlap of what the query leaves. An empty document makes one pair.
        """
        started = perf_counter()
        query_ids = self._ids(query, self._context // 2)
        query_cut = len(query_ids) > self._context // 2
        query_ids = query_ids[: self._context // 2]
        window = self._context - len(query_ids) - self._template.specials
        head = self._template.head(query_ids)
        encoded = Encoded(query_cut=query_cut, documents=len(documents))
        for index, ids in enumerate(self._all_ids(documents, max_tokens_per_doc)):
            kept = ids[:max_tokens_per_doc]
            if len(ids) > len(kept):
                encoded.cut.append(index)
            for start in range(0, max(len(kept), 1), window):
                encoded.pairs.append(EncodedPair(head, self._template.tail(kept[start : start + window])))
                encoded.owners.append(index)
        encoded.took_s = perf_counter() - started
        return encoded

    def _all_ids(self, texts: list[str], enough: int) -> list[list[int]]:
        """Return the tokens of each text, or, of a very long one, at least the first `enough` and one more."""
        long = _CHARACTERS_PER_TOKEN * (enough + _UNSURE)
        short = self._tokenizer.encode_batch_fast(
            [text if len(text) <= long else "" for text in texts], add_special_tokens=False
        )
        return [
            found.ids if len(text) <= long else self._ids(text, enough)
            for text, found in zip(texts, short, strict=True)
        ]

    def _ids(self, text: str, enough: int) -> list[int]:
        """Return the tokens of `text`, or at least the first `enough` and one more.

        A token does not reach from one word into the next, so a text cut at a space begins with the tokens of the
        whole. Reading only as much as is needed keeps a hostile megabyte from costing a second.
        """
        length = _CHARACTERS_PER_TOKEN * (enough + _UNSURE)
        while length < len(text):
            end = text.rfind(" ", length // 2, length)
            if end > 0 and len(ids := self._whole(text[:end])) >= enough + _UNSURE:
                return ids
            length *= 4
        return self._whole(text)

    def _whole(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids
        return ids

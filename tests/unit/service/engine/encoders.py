"""Encoders over tokenizers of several kinds, and what becomes of texts in them."""

from collections.abc import Sequence
from functools import cache
from random import Random

import numpy as np
from tokenizers import Tokenizer

from service.engine.encoding import Encoded, PairEncoder
from service.engine.pair_layout import Ids
from service.settings import EMBEDDED_MODEL
from tests.unit.service.models import roberta_tokenizer, sentencepiece_tokenizer

WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "over",
    "a",
    "lazy",
    "dog",
    "capital",
    "United",
    "States",
    "unbelievably",
    "noisy,",
]


def embedded_tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(EMBEDDED_MODEL / "tokenizer.json"))


TOKENIZERS = {
    "embedded": embedded_tokenizer(),
    "roberta": roberta_tokenizer(),
    "sentencepiece": sentencepiece_tokenizer(),
}
ENCODERS = {name: PairEncoder(tokenizer, 64) for name, tokenizer in TOKENIZERS.items()}


def as_ids(tokens: Sequence[int]) -> Ids:
    """Return tokens in the type in which pairs hold them."""
    return np.array(tokens, np.int32)


@cache
def whole(name: str, text: str) -> list[int]:
    """Return all tokens of a text, read in one go."""
    ids: list[int] = TOKENIZERS[name].encode(text, add_special_tokens=False).ids
    return ids


def encode(encoder: PairEncoder, query: str, documents: list[str], limit: int) -> Encoded:
    """Return the pairs of a query with documents."""
    return encoder.encode(encoder.query(query), documents, limit)


def windows(encoder: PairEncoder, encoded: Encoded, document: int = 0) -> list[list[int]]:
    """Return the document's own tokens in each of its windows."""
    suffix = len(encoder.template.tail(as_ids([])))
    pairs = [pair for pair, owner in zip(encoded.pairs, encoded.owners, strict=True) if owner == document]
    return [pair.tail[: len(pair.tail) - suffix].tolist() for pair in pairs]


def joined(encoder: PairEncoder, encoded: Encoded, document: int = 0) -> list[int]:
    """Return the tokens of a document put together from its windows."""
    return [token for window in windows(encoder, encoded, document) for token in window]


def words(number: int, seed: int = 1) -> str:
    """Return so many words."""
    random = Random(seed)
    return " ".join(random.choice(WORDS) for _ in range(number))

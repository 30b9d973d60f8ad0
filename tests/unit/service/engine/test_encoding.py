"""The windows of a document hold each of its tokens once, in pairs as the tokenizer itself makes them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tokenizers import Tokenizer

from service.engine.encoding import Cut, Encoded, PairEncoder
from service.engine.pair_layout import EncodedPair
from tests.unit.service.engine.encoders import (
    ENCODERS,
    TOKENIZERS,
    as_ids,
    embedded_tokenizer,
    encode,
    joined,
    whole,
    windows,
    words,
)
from tests.unit.service.models import roberta_tokenizer, tiny_tokenizer

TRUNCATED = Cut(1, 2, "token")


@pytest.fixture
def encoder() -> PairEncoder:
    return PairEncoder(embedded_tokenizer(), 64)


def test_query_of_half_an_odd_context():
    """Half of an odd context is rounded down."""
    encoder = PairEncoder(tiny_tokenizer(), 17)
    assert len(encoder.query("q " * 100).head) == len(encoder.template.head(as_ids([9] * 8)))


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("length", [1, 20, 57, 58, 59, 116, 117, 400])
def test_windows(name: str, length: int):
    """The windows of a document hold each of its tokens once, in order, and all but the last are full."""
    encoder = ENCODERS[name]
    text = words(length)
    encoded = encode(encoder, "what", [text], 4096)
    assert joined(encoder, encoded) == whole(name, text)
    sizes = [pair.tokens for pair in encoded.pairs]
    assert set(sizes[:-1]) <= {64}
    assert len(encoder.template.head(as_ids([]))) < sizes[-1] <= 64
    assert encoded.cut == {}


def test_document_that_just_fits():
    """A document of exactly one window makes one pair; one token more makes two."""
    encoder = PairEncoder(tiny_tokenizer(), 32)
    assert encode(encoder, "q", ["good " * 28, "good " * 29], 4096).owners == [0, 1, 1]


@pytest.mark.parametrize("document", ["", " ", "\n\t", "\u200b"])
def test_empty_document(document: str, encoder: PairEncoder):
    """A document without tokens makes one pair: it is scored too."""
    encoded = encode(encoder, "what", [document], 4096)
    assert encoded.owners == [0]
    assert windows(encoder, encoded) == [[]]
    assert encoded.cut == {}


def test_fixed_parts(encoder: PairEncoder):
    """All pairs of a request share the query's part, and none is longer than the context."""
    encoded = encode(encoder, "what is it", [words(5), words(500), ""], 4096)
    assert len({id(pair.head) for pair in encoded.pairs}) == 1
    assert max(encoded.pair_tokens) == 64
    assert encoded.pair_tokens == [len(pair.head) + len(pair.tail) for pair in encoded.pairs]


def test_counts(encoder: PairEncoder):
    """The pairs know their documents, and the documents are counted."""
    encoded = encode(encoder, "what", [words(1), words(200), ""], 4096)
    assert encoded.documents == 3
    assert encoded.owners == sorted(encoded.owners)
    assert set(encoded.owners) == {0, 1, 2}
    assert len(encoded.pairs) == len(encoded.owners)
    assert encoded.took_s > 0


def test_pair_is_the_tokenizers_own(encoder: PairEncoder):
    """A pair that fits is what the tokenizer makes of the two texts itself."""
    pair = encode(encoder, "where is it?", ["It is here."], 4096).pairs[0]
    assert [*pair.head, *pair.tail] == embedded_tokenizer().encode("where is it?", "It is here.").ids


def test_text_is_not_stripped():
    """Space around a text counts where the tokenizer makes something of it."""
    encoder = PairEncoder(roberta_tokenizer(), 64)
    plain, spaced = encode(encoder, "q", ["here", "  here"], 4096).pairs
    assert plain.tail.tolist() != spaced.tail.tolist()


def test_append():
    """Documents encoded later are numbered on, and what is known of both parts is put together."""

    def pair(token: int) -> EncodedPair:
        return EncodedPair(np.array([token], np.int32), np.array([token], np.int32))

    first = Encoded([pair(1), pair(2), pair(3)], [0, 0, 1], {0: TRUNCATED}, documents=2, took_s=0.25)
    first.append(Encoded([pair(4), pair(5)], [0, 2], {2: TRUNCATED}, documents=3, took_s=0.5))
    first.append(Encoded([pair(6)], [0], {}, documents=1, took_s=1))
    assert [pair.head[0] for pair in first.pairs] == [1, 2, 3, 4, 5, 6]
    assert first.owners == [0, 0, 1, 2, 4, 5]
    assert first.cut == {0: TRUNCATED, 4: TRUNCATED}
    assert first.documents == 6
    assert first.took_s == 1.75


def test_in_parts_as_in_one(encoder: PairEncoder):
    """A request encoded in parts is the request encoded in one go."""
    documents = [words(number, number) for number in (3, 90, 1, 200, 40)]
    one, parts = encode(encoder, "what", documents, 60), Encoded()
    for start in range(0, 5, 2):
        parts.append(encode(encoder, "what", documents[start : start + 2], 60))
    assert (parts.owners, parts.cut, parts.documents) == (one.owners, one.cut, one.documents)
    assert [p.tail.tolist() for p in parts.pairs] == [p.tail.tolist() for p in one.pairs]
    assert parts.pair_tokens == one.pair_tokens


def test_saved_truncation_and_padding():
    """Truncation and padding saved with a tokenizer stay off: they would cut and fill every text."""
    tokenizer = tiny_tokenizer()
    tokenizer.enable_truncation(6)
    tokenizer.enable_padding(length=12)
    encoder = PairEncoder(Tokenizer.from_str(tokenizer.to_str()), 32)
    encoded = encode(encoder, "q", ["good " * 20, "bad"], 4096)
    assert [len(joined(encoder, encoded, index)) for index in (0, 1)] == [20, 1]
    assert encoded.pair_tokens == [24, 5]


def test_safe_from_any_thread(encoder: PairEncoder):
    """A limit given with one request has no effect on another that is encoded at the same time."""
    text = words(300)
    expected = {limit: joined(encoder, encode(encoder, "what", [text], limit)) for limit in range(1, 41)}
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda limit: encode(encoder, "what", [text], limit), expected))
    assert [joined(encoder, encoded) for encoded in found] == list(expected.values())


def test_owners():
    """Keys of equal pairs are equal for one owner and differ between owners, as do those of cached texts."""
    encoder = PairEncoder(embedded_tokenizer(), 64, cache_bytes=2**20)
    owners = ("", "ann", "bob", "ann")
    keys = [encoder.encode(encoder.query("what", owner), ["a text"], 9).pairs[0].key for owner in owners]
    assert keys[1] == keys[3]
    assert len(set(keys)) == len(encoder._cache) == 3

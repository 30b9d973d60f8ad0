"""Tests of the way from texts to pairs."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from random import Random

import numpy as np
import pytest
from tokenizers import Tokenizer

from service.engine import Encoded, EncodedPair
from service.engine.encoding import PairEncoder
from service.settings import EMBEDDED_MODEL
from tests.unit.service.models import roberta_tokenizer, sentencepiece_tokenizer, tiny_tokenizer

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
    suffix = len(encoder.template.tail([]))
    pairs = [pair for pair, owner in zip(encoded.pairs, encoded.owners, strict=True) if owner == document]
    return [pair.tail[: len(pair.tail) - suffix].tolist() for pair in pairs]


def joined(encoder: PairEncoder, encoded: Encoded, document: int = 0) -> list[int]:
    """Return the tokens of a document put together from its windows."""
    return [token for window in windows(encoder, encoded, document) for token in window]


def words(number: int, seed: int = 1) -> str:
    """Return so many words."""
    random = Random(seed)
    return " ".join(random.choice(WORDS) for _ in range(number))


@pytest.fixture
def encoder() -> PairEncoder:
    return PairEncoder(embedded_tokenizer(), 64)


@pytest.mark.parametrize(("length", "kept", "cut"), [(1, 1, False), (8, 8, False), (9, 8, True), (1000, 8, True)])
def test_query(length: int, kept: int, cut: bool):  # noqa: FBT001
    """The query keeps its first half context of tokens, and a cut is told."""
    encoder = PairEncoder(tiny_tokenizer(), 16)
    query = encoder.query("q " * length)
    assert query.cut is cut
    assert query.head.tolist() == encoder.template.head([9] * kept).tolist()
    assert query.window == 16 - kept - encoder.template.specials


def test_query_of_half_an_odd_context():
    """Half of an odd context is rounded down."""
    encoder = PairEncoder(tiny_tokenizer(), 17)
    assert len(encoder.query("q " * 100).head) == len(encoder.template.head([9] * 8))


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
    assert len(encoder.template.head([])) < sizes[-1] <= 64
    assert encoded.cut == []


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
    assert encoded.cut == []


@pytest.mark.parametrize("limit", [1, 2, 57, 58, 100, 4096])
@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_per_document(name: str, limit: int):
    """No more of a document is read than the request says, and those with more are told."""
    encoder = ENCODERS[name]
    texts = [words(number, seed=number) for number in (1, 30, 100, 300)]
    encoded = encode(encoder, "what", texts, limit)
    tokens = [whole(name, text) for text in texts]
    assert [joined(encoder, encoded, index) for index in range(4)] == [ids[:limit] for ids in tokens]
    assert encoded.cut == [index for index, ids in enumerate(tokens) if len(ids) > limit]


def test_exact_limit_is_no_cut():
    """A document of exactly as many tokens as are read is not cut."""
    encoder = PairEncoder(tiny_tokenizer(), 32)
    encoded = encode(encoder, "q", ["good " * 5, "good " * 6, "good " * 4], 5)
    assert encoded.cut == [1]


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


def texts() -> dict[str, str]:
    """Return very long texts of several kinds."""
    random = Random(7)
    spread = "ab c\n\t.,;é漢😀\u0301\u00a0"
    return {
        "words": words(2500),
        "one word": "unbelievable" * 1000,
        "letters": "".join(random.choice("abcdefgh") for _ in range(12_000)),
        "one letter": "a" * 12_000,
        "single letters": "a " * 3000,
        "spaces": " " * 12_000,
        "word, spaces, words": "word" + " " * 5000 + words(1500),
        "growing runs of spaces": "".join("ab" + " " * number for number in range(250)),
        "words with wide gaps": "".join(word + " " * random.randrange(60) for word in words(900).split()),
        "newlines": words(2500).replace(" ", "\n"),
        "blank lines": "\n" * 8000 + words(2000),
        "newlines and few spaces": words(2500).replace(" ", "\n", 1200),
        "long lines": "\n".join(words(50, seed) for seed in range(50)),
        "tabs": words(2500).replace(" ", "\t"),
        "no-break spaces": words(2500).replace(" ", "\u00a0"),
        "chinese": "東京は日本の首都です。" * 1000,
        "chinese with spaces": "東京は 日本の 首都です。 " * 1000,
        "combining marks": "e\u0301\u0308 " * 3000,
        "marks alone": "a" + "\u0301" * 4000,
        "space and mark": " \u0301" * 5000,
        "emoji": "👩‍👩‍👧‍👦 😀" * 1000,
        "control characters": "\x00 \x1b " * 4000,
        "special tokens": "[SEP] </s> [CLS]" * 1000,
        "numbers": " ".join(str(number) for number in range(3000)),
        "punctuation": "!?.,;: " * 5000,
        "random": "".join(random.choice(spread) for _ in range(12_000)),
        "a word, then letters": "word " + "".join(random.choice("abcdefgh") for _ in range(12_000)),
        "invisible": "\u200b " * 5000 + words(100),
    }


TEXTS = texts()


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", TOKENIZERS)
def test_reading_the_beginning_alone(name: str, kind: str):
    """Of a very long text only the beginning is read, which changes no token and no word about what was cut."""
    text = TEXTS[kind]
    encoder = ENCODERS[name]
    tokens = whole(name, text)
    for limit in (1, 50, 700):
        encoded = encode(encoder, "what", [text], limit)
        assert joined(encoder, encoded) == tokens[:limit]
        assert encoded.cut == ([0] if len(tokens) > limit else [])


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", TOKENIZERS)
def test_reading_the_beginning_of_a_query(name: str, kind: str):
    """A very long query is read in part, too, with the same tokens."""
    text = TEXTS[kind]
    encoder = ENCODERS[name]
    query = encoder.query(text)
    tokens = whole(name, text)
    assert query.head.tolist() == encoder.template.head(tokens[:32]).tolist()
    assert query.cut is (len(tokens) > 32)


def test_long_and_short_together(encoder: PairEncoder):
    """Very long documents between short ones keep their places."""
    documents = ["short", words(6000), "", "also short", "x" * 20_000]
    encoded = encode(encoder, "what", documents, 20)
    alone = [encode(encoder, "what", [document], 20) for document in documents]
    assert [joined(encoder, encoded, index) for index in range(5)] == [joined(encoder, one) for one in alone]
    assert encoded.cut == [1]


def test_append():
    """Documents encoded later are numbered on, and what is known of both parts is put together."""

    def pair(token: int) -> EncodedPair:
        return EncodedPair(np.array([token], np.int32), np.array([token], np.int32))

    first = Encoded([pair(1), pair(2), pair(3)], [0, 0, 1], [0], documents=2, took_s=0.25)
    first.append(Encoded([pair(4), pair(5)], [0, 2], [2], documents=3, took_s=0.5))
    first.append(Encoded([pair(6)], [0], [], documents=1, took_s=1))
    assert [pair.head[0] for pair in first.pairs] == [1, 2, 3, 4, 5, 6]
    assert first.owners == [0, 0, 1, 2, 4, 5]
    assert first.cut == [0, 4]
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

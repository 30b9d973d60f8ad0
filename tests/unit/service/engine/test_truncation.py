"""No more of a text is read than may be, and its truncation is told truly, without reading the rest."""

from random import Random

import pytest

from service.engine.encoding import PROMPT_CHARACTERS, Cut, MoreToReadError, PairEncoder
from tests.unit.service.engine.encoders import ENCODERS, TOKENIZERS, as_ids, encode, joined, whole, words
from tests.unit.service.models import tiny_tokenizer

MOST = 2**19
"""Characters read of one text at most."""


def assert_told(truncation: Cut | None, has: int, limit: int):
    """See that of a text of `has` tokens, of which `limit` are read, what is told is true."""
    if has <= limit:
        assert truncation is None
    else:
        assert truncation in (Cut(limit, has, "token"), Cut(limit, None, "token"))


@pytest.mark.parametrize(
    ("length", "kept", "truncation"),
    [
        (1, 1, None),
        (8, 8, None),
        (9, 8, Cut(8, 9, "token")),
        (36, 8, Cut(8, 36, "token")),
        (1000, 8, Cut(8, None, "token")),
    ],
)
def test_query(length: int, kept: int, truncation: Cut | None):
    """The query keeps its first half context of tokens, and a truncation is told."""
    encoder = PairEncoder(tiny_tokenizer(), 16)
    query = encoder.query("q " * length)
    assert query.cut == truncation
    assert query.head.tolist() == encoder.template.head(as_ids([9] * kept)).tolist()
    assert query.window == 16 - kept - encoder.template.specials


@pytest.mark.parametrize("limit", [1, 2, 57, 58, 100, 4096])
@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_per_document(name: str, limit: int):
    """No more of a document is read than the request says, and those with more are told."""
    encoder = ENCODERS[name]
    texts = [words(number, seed=number) for number in (1, 30, 100, 300)]
    encoded = encode(encoder, "what", texts, limit)
    tokens = [whole(name, text) for text in texts]
    assert [joined(encoder, encoded, index) for index in range(4)] == [ids[:limit] for ids in tokens]
    for index, ids in enumerate(tokens):
        assert_told(encoded.cut.get(index), len(ids), limit)


def test_exact_limit_is_no_truncation():
    """A document of exactly as many tokens as are read is not truncated."""
    encoder = PairEncoder(tiny_tokenizer(), 32)
    encoded = encode(encoder, "q", ["good " * 5, "good " * 6, "good " * 4], 5)
    assert encoded.cut == {1: Cut(5, 6, "token")}


@pytest.mark.parametrize(
    ("document", "limit", "truncation"),
    [
        ("good " * 20, 12, Cut(12, 20, "token")),
        ("good " * 20, 1, Cut(1, None, "token")),
        ("good " * 120_000, 50_000, Cut(50_000, None, "token")),
        ("good " * 120_000, 100_000, Cut(100_000, None, "token")),
        ("good " * 120_000, 110_000, Cut(MOST, 600_000, "character")),
        ("q" * (MOST + 1), 4096, Cut(MOST, MOST + 1, "character")),
        ("q" * MOST, 4096, None),
    ],
)
def test_what_is_told_of_a_truncation(document: str, limit: int, truncation: Cut | None):
    """The size of a truncated text is given if it was counted, and in characters if these set the limit."""
    encoder = PairEncoder(tiny_tokenizer(), 32)
    assert encode(encoder, "q", [document], limit).cut.get(0) == truncation


def test_a_query_of_too_many_characters():
    """Of a query too, half a million characters are read, and one with more is not said to have been read."""
    encoder = PairEncoder(tiny_tokenizer(), 32)
    assert encoder.query(" " * MOST + "good").cut == Cut(MOST, MOST + 4, "character")


@pytest.mark.parametrize(
    ("truncation", "size", "kept"),
    [
        (Cut(512, 9000, "token"), " (9,000 tokens)", "512 tokens"),
        (Cut(1, 2, "token"), " (2 tokens)", "1 token"),
        (Cut(4096, None, "token"), "", "4,096 tokens"),
        (Cut(MOST, MOST + 1, "character"), " (524,289 characters)", "524,288 characters"),
    ],
)
def test_words(truncation: Cut, size: str, kept: str):
    """A truncation has words for the size of the text, if that is known, and for the part that was read."""
    assert (truncation.size, truncation.kept) == (size, kept)


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
    """Of a very long text only the beginning is read, which changes no token and no word about the truncation."""
    text = TEXTS[kind]
    encoder = ENCODERS[name]
    tokens = whole(name, text)
    for limit in (1, 50, 700):
        encoded = encode(encoder, "what", [text], limit)
        assert joined(encoder, encoded) == tokens[:limit]
        assert_told(encoded.cut.get(0), len(tokens), limit)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", TOKENIZERS)
def test_reading_the_beginning_of_a_query(name: str, kind: str):
    """A very long query is read in part, too, with the same tokens."""
    text = TEXTS[kind]
    encoder = ENCODERS[name]
    query = encoder.query(text)
    tokens = whole(name, text)
    assert query.head.tolist() == encoder.template.head(as_ids(tokens[:32])).tolist()
    assert_told(query.cut, len(tokens), 32)


def test_long_and_short_together():
    """Very long documents between short ones keep their places."""
    encoder = ENCODERS["embedded"]
    documents = ["short", words(6000), "", "also short", "x" * 20_000]
    encoded = encode(encoder, "what", documents, 20)
    alone = [encode(encoder, "what", [document], 20) for document in documents]
    assert [joined(encoder, encoded, index) for index in range(5)] == [joined(encoder, one) for one in alone]
    assert encoded.cut == {1: Cut(20, None, "token")}


def test_more_to_read():
    """A text that must be read beyond its first part is not read at all under a bound; any other is read as without."""
    encoder = ENCODERS["embedded"]
    dense, sparse = words(20_000), "😀" * (PROMPT_CHARACTERS + 1)
    for text, read in ((dense, True), (sparse[:-1], True), (sparse, False)):
        query = encoder.query("what")
        if read:
            bound = encoder.encode(query, ["one", text], 4096, characters=PROMPT_CHARACTERS)
            free = encoder.encode(query, ["one", text], 4096)
            assert [pair.tail.tolist() for pair in bound.pairs] == [pair.tail.tolist() for pair in free.pairs]
            assert bound.cut == free.cut
            assert encoder.query(text, characters=PROMPT_CHARACTERS).head.tolist() == encoder.query(text).head.tolist()
        else:
            with pytest.raises(MoreToReadError):
                encoder.encode(query, ["one", text], 4096, characters=PROMPT_CHARACTERS)
            with pytest.raises(MoreToReadError):
                encoder.query(text, characters=PROMPT_CHARACTERS)
